"""A database of an earlier version, with data, is put back and migrated, and still says what it said.

Snapshots are made by `python -m tests.upgrades.make_snapshot`; tests/services/test_upgrades.py tries PostgreSQL's.
"""

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.test import Client

from cms import arming
from cms.models import Entry
from membership.models import Member
from newsletter.backups.archive import check
from newsletter.backups.restoring import restore
from newsletter.certificate import certify, verify
from newsletter.models import Issue
from tests.upgrades.make_snapshot import snapshots, unpacked

OURS = {"cms", "membership", "newsletter"}
# What came after 0.1.0, so that its snapshots are really migrated.
LATER = {
    "newsletter.0002_hit_reported_at_delivery_measured_since",
    "newsletter.0003_hit_to_judge",
    "newsletter.0004_no_hit_not_judged",
}
OUTDATED = "This snapshot was made before the initial migrations changed: run `python -m tests.upgrades.make_snapshot`."


def missing_columns() -> set[str]:
    """What our models have and the database has not."""
    with connection.cursor() as cursor:
        return {name for model in apps.get_models() for name in _missing(model._meta, cursor)}


def _missing(meta, cursor) -> set[str]:
    if meta.app_label not in OURS:
        return set()
    there = {one.name for one in connection.introspection.get_table_description(cursor, meta.db_table)}
    return {f"{meta.db_table}.{one.column}" for one in meta.local_concrete_fields if one.column not in there}


def behind(backup) -> set[str]:
    """Migrations of ours that a backup's database has not seen: without any, an upgrade proves nothing."""
    ours = {".".join(key) for key in MigrationLoader(None).disk_migrations if key[0] in OURS}
    return ours - set(check(backup).migrations)


def unseen() -> set[str]:
    """Migrations of ours that this database has not seen."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return {f"{one.app_label}.{one.name}" for one, _ in plan if one.app_label in OURS}


def test_there_is_a_snapshot_of_each_kind():
    assert snapshots("sqlite")
    assert snapshots("postgresql")


@pytest.mark.parametrize("snapshot", snapshots("sqlite"), ids=lambda path: path.name)
def test_upgrade_from(snapshot, db, tmp_path):
    backup = unpacked(snapshot, tmp_path)
    assert behind(backup) >= LATER or not snapshot.name.startswith("0.1.0-")
    restore(backup, replace=True, journal_lost=True)
    assert unseen() == set()
    assert missing_columns() == set(), OUTDATED
    assert "put back" in arming.silence()
    assert Member.objects.count() == 12
    issue = Issue.objects.sent().get()
    assert certify(issue).proved
    assert verify(issue).sealed
    assert issue.deliveries.filter(state="sent").exists()
    entry = Entry.objects.live().order_by("pk").first()
    for address in ("/", "/directory/", entry.url, f"/e-news/{issue.period}/"):
        assert Client().get(address).status_code == 200, address
