"""Database triggers that make consent records append-only, on SQLite and PostgreSQL alike.

A record may never change, and may only go when its member is being erased (`Member.erased_at` is set first).
"""

from django.db.backends.base.base import BaseDatabaseWrapper

SENTENCE = "consent records are append-only"

SQLITE_INSTALL = [
    f"""CREATE TRIGGER consent_no_update BEFORE UPDATE ON membership_consentrecord
        BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END""",
    f"""CREATE TRIGGER consent_no_delete BEFORE DELETE ON membership_consentrecord
        WHEN NOT EXISTS (SELECT 1 FROM membership_member m WHERE m.id = OLD.member_id AND m.erased_at IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END""",
]
SQLITE_REMOVE = ["DROP TRIGGER IF EXISTS consent_no_update", "DROP TRIGGER IF EXISTS consent_no_delete"]

POSTGRES_INSTALL = [
    f"""CREATE OR REPLACE FUNCTION consent_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'DELETE' AND EXISTS (
            SELECT 1 FROM membership_member m WHERE m.id = OLD.member_id AND m.erased_at IS NOT NULL
          ) THEN RETURN OLD; END IF;
          RAISE EXCEPTION '{SENTENCE}' USING ERRCODE = 'integrity_constraint_violation';
        END $$""",
    """CREATE TRIGGER consent_append_only BEFORE UPDATE OR DELETE ON membership_consentrecord
       FOR EACH ROW EXECUTE FUNCTION consent_append_only()""",
]
POSTGRES_REMOVE = [
    "DROP TRIGGER IF EXISTS consent_append_only ON membership_consentrecord",
    "DROP FUNCTION IF EXISTS consent_append_only",
]


def install(connection: BaseDatabaseWrapper) -> None:
    _run(connection, SQLITE_INSTALL if connection.vendor == "sqlite" else POSTGRES_INSTALL)


def remove(connection: BaseDatabaseWrapper) -> None:
    _run(connection, SQLITE_REMOVE if connection.vendor == "sqlite" else POSTGRES_REMOVE)


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
