"""Asking the full-text index, in the language of the database at hand. What people type reaches it as words only."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q, Value

from cms.search_index import WEIGHTS
from cms.words import for_fts5, for_tsquery, understand_words

# Shares of a word in body, area, summary and title (PostgreSQL's order); SQLite's stand in `search_index.WEIGHTS`.
SHARES = "{0.1, 0.2, 0.4, 1.0}"


@dataclass(frozen=True)
class FoundRows:
    """A statement that gives `entry_id` and `rank` (the higher the better) of all entries that hold some words."""

    sql: str
    params: tuple[str, ...]


def found_rows(query: str) -> FoundRows:
    """The statement for what somebody typed. Where there are no words to look for, it gives all entries."""
    if not understand_words(query):
        return FoundRows("SELECT entry_id, 0.0 AS rank FROM cms_searchtext", ())
    if connection.vendor == "sqlite":
        weights = ", ".join(map(str, WEIGHTS))
        sql = f"""SELECT rowid AS entry_id, -bm25(cms_searchindex, {weights}) AS rank
                  FROM cms_searchindex WHERE cms_searchindex MATCH %s"""  # noqa: S608  our own constants
        return FoundRows(sql, (for_index(query),))
    sql = f"""SELECT entry_id, ts_rank('{SHARES}', tsv, asked, 1) AS rank
              FROM cms_searchtext, to_tsquery('english', %s) asked WHERE tsv @@ asked"""  # noqa: S608  our own constants
    return FoundRows(sql, (for_index(query),))


def for_index(query: str) -> str:
    """What somebody typed, in the language of the index. Unwanted words only find nothing."""
    parts = understand_words(query)
    return for_fts5(parts) or '""' if connection.vendor == "sqlite" else for_tsquery(parts)


class _FoundBy(Func):
    """Whether an entry (its key) holds words (in the language of the index): a condition for any query."""

    output_field = BooleanField()
    arity = 2

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self._ask(
            compiler, connection, "SELECT entry_id FROM cms_searchtext WHERE tsv @@ to_tsquery('english', ", ")"
        )

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self._ask(compiler, connection, "SELECT rowid FROM cms_searchindex WHERE cms_searchindex MATCH ", "")

    def _ask(self, compiler: Any, connection: Any, before: str, after: str) -> Any:
        return self.as_sql(compiler, connection, template=f"(%(expressions)s{after}))", arg_joiner=f" IN ({before}")


def found_by(query: str) -> Q:
    """The condition that an entry holds what somebody typed; for rows whose key is that of the entry. Always met where
    there are no words to look for."""
    if not understand_words(query):
        return Q()
    return Q(_FoundBy(F("pk"), Value(for_index(query))))
