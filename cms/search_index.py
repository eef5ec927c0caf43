"""The full-text index of `SearchText`, for the database at hand: `tsvector` on PostgreSQL, FTS5 on SQLite.

Both stem English words and weigh the title most, then summary and organisation, the area, and the body. SQLite keeps
its index up by triggers, PostgreSQL by a generated column; a migration that alters `cms_searchtext` must call `remove`
before and `install` after, since SQLite makes the table anew and drops its triggers.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

COLUMNS = "title, summary, organisation, area, body"
WEIGHTS = (10.0, 4.0, 4.0, 2.0, 1.0)  # of these columns; PostgreSQL has four, as shares of the first

_NEW = "(NEW.entry_id, NEW.title, NEW.summary, NEW.organisation, NEW.area, NEW.body)"
_OLD = "('delete', OLD.entry_id, OLD.title, OLD.summary, OLD.organisation, OLD.area, OLD.body)"
_ADD = f"INSERT INTO cms_searchindex(rowid, {COLUMNS}) VALUES {_NEW};"  # noqa: S608  our own constants
_TAKE_OUT = f"INSERT INTO cms_searchindex(cms_searchindex, rowid, {COLUMNS}) VALUES {_OLD};"  # noqa: S608  our own constants
SQLITE_INSTALL = [
    f"""CREATE VIRTUAL TABLE cms_searchindex USING fts5(
        {COLUMNS}, content='cms_searchtext', content_rowid='entry_id', tokenize='porter unicode61')""",
    f"CREATE TRIGGER cms_searchtext_added AFTER INSERT ON cms_searchtext BEGIN {_ADD} END",
    f"CREATE TRIGGER cms_searchtext_gone AFTER DELETE ON cms_searchtext BEGIN {_TAKE_OUT} END",
    f"CREATE TRIGGER cms_searchtext_changed AFTER UPDATE ON cms_searchtext BEGIN {_TAKE_OUT} {_ADD} END",
    "INSERT INTO cms_searchindex(cms_searchindex) VALUES ('rebuild')",
]
SQLITE_REMOVE = [
    "DROP TRIGGER IF EXISTS cms_searchtext_added",
    "DROP TRIGGER IF EXISTS cms_searchtext_gone",
    "DROP TRIGGER IF EXISTS cms_searchtext_changed",
    "DROP TABLE IF EXISTS cms_searchindex",
]

POSTGRES_INSTALL = [
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",  # trusted: the database's owner may
    # Keep rows whole and uncompressed: unpacking each one's words takes three times as long as looking at them.
    "ALTER TABLE cms_searchtext SET (toast_tuple_target = 8160)",
    """ALTER TABLE cms_searchtext ADD COLUMN tsv tsvector GENERATED ALWAYS AS (
         setweight(to_tsvector('english', title), 'A') ||
         setweight(to_tsvector('english', summary || ' ' || organisation), 'B') ||
         setweight(to_tsvector('english', area), 'C') ||
         setweight(to_tsvector('english', body), 'D')
       ) STORED""",
    "CREATE INDEX cms_searchtext_tsv ON cms_searchtext USING gin (tsv)",
    "CREATE INDEX cms_searchword_near ON cms_searchword USING gin (word gin_trgm_ops)",
]
# The extension stays: something else in the same database may use it.
POSTGRES_REMOVE = [
    "DROP INDEX IF EXISTS cms_searchword_near",
    "DROP INDEX IF EXISTS cms_searchtext_tsv",
    "ALTER TABLE cms_searchtext DROP COLUMN IF EXISTS tsv",
    "ALTER TABLE cms_searchtext RESET (toast_tuple_target)",
]


def install(connection: BaseDatabaseWrapper) -> None:
    _run(connection, SQLITE_INSTALL if connection.vendor == "sqlite" else POSTGRES_INSTALL)


def remove(connection: BaseDatabaseWrapper) -> None:
    _run(connection, SQLITE_REMOVE if connection.vendor == "sqlite" else POSTGRES_REMOVE)


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
