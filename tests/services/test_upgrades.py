"""Upgrades on PostgreSQL: from a database of an earlier version, there and back, and indexes built online."""

import subprocess
import sys

import pytest
from django.db.migrations.loader import MigrationLoader

from tests.project.migration_rules import FIRST
from tests.recovery.test_upgrades import LATER, OUTDATED, behind
from tests.services.conftest import ROOT, Installation
from tests.upgrades.make_snapshot import KEYS, snapshots, unpacked

CHECK = """
import django; django.setup()
from tests.project.migration_rules import FIRST
from tests.recovery.test_upgrades import missing_columns, unseen
assert unseen() == set(), unseen()
assert missing_columns() == set(), missing_columns()
from newsletter.certificate import verify
from newsletter.models import Issue
issue = Issue.objects.sent().get()
assert verify(issue).sealed
print(issue.period)
"""
ONLINE = """
import django; django.setup()
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from django.db.migrations.loader import MigrationLoader
from cms.online import AddIndexOnline, RemoveIndexOnline
state = MigrationLoader(connection).project_state()
def names():
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, "membership_user").keys() & {"tried"}
add = AddIndexOnline("user", models.Index(fields=["first_name"], name="tried"))
after = state.clone(); add.state_forwards("membership", after)
take = RemoveIndexOnline("user", "tried")
gone = after.clone(); take.state_forwards("membership", gone)
with connection.schema_editor(atomic=False) as editor:
    add.database_forwards("membership", editor, state, after); assert names()
    add.database_forwards("membership", editor, state, after); assert names()
    take.database_forwards("membership", editor, after, gone); assert not names()
    take.database_backwards("membership", editor, gone, after); assert names()
    add.database_backwards("membership", editor, after, state); assert not names()
print("done")
"""


def run(installation: Installation, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=installation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{OUTDATED} {done.stderr}" if "missing_columns" in done.stderr else done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("snapshot", snapshots("postgresql"), ids=lambda path: path.name)
def test_upgrade_from(snapshot, production_like, tmp_path):
    production_like.environment |= KEYS
    backup = unpacked(snapshot, tmp_path)
    assert behind(backup) >= LATER or not snapshot.name.startswith("0.1.0-")
    assert production_like.command("restore", str(backup), "--replace", "--journal-lost")["armed"] is False
    month = run(production_like, CHECK)
    assert production_like.command("certify_issue", month)["balanced"]


def test_indexes_are_built_and_taken_away_online(production_like):
    assert run(production_like, ONLINE) == "done"


@pytest.mark.parametrize("kind", ["embedded", "production_like"])
def test_there_and_back(kind, request):
    """Every migration that an installation in use may take back, the latest first, and then all of them again."""
    installation = request.getfixturevalue(kind)
    for room, target in way_back():
        process = installation.start("migrate", room, target, "-v0")
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
    installation.migrate()
    assert installation.command("recover")["claims"] == 0


def way_back() -> list[tuple[str, str]]:
    """Rooms, and the migration to go back to. Of the first ones only the search: the others make the tables."""
    graph = MigrationLoader(None).graph
    leaves = [leaf for room in ("cms", "membership", "newsletter") for leaf in graph.leaf_nodes(room)]
    plan = list(dict.fromkeys(key for leaf in leaves for key in graph.forwards_plan(leaf)))
    later = [key for key in plan if key[0] in {"cms", "membership", "newsletter"} and key not in FIRST]
    before = [(room, [one for one in plan if one[0] == room and one < (room, name)][-1][1]) for room, name in later]
    return [*reversed(before), ("cms", "0001_initial")]
