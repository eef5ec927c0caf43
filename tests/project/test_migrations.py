"""Migrations run while the service does: none locks it, and each can be taken back. `migration_rules.py` is the law."""

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

from cms.online import AddIndexOnline
from tests.project.migration_rules import FIRST, broken

OURS = ("cms", "membership", "newsletter")
TABLE = migrations.CreateModel("Own", [("id", models.BigAutoField(primary_key=True))])
INDEX = models.Index(fields=["email"], name="by_email")


def migration(*operations, atomic=True):
    made = migrations.Migration("9999_sample", "membership")
    made.operations, made.atomic = list(operations), atomic
    return made


def test_every_migration_after_the_first_keeps_the_rules():
    found = MigrationLoader(None).disk_migrations
    assert set(found) >= FIRST
    ours = {key: one for key, one in found.items() if key[0] in OURS and key not in FIRST}
    assert {key: list(broken(one)) for key, one in ours.items() if list(broken(one))} == {}


def test_the_first_ones_can_be_taken_back_too():
    found = MigrationLoader(None).disk_migrations
    assert [key for key in FIRST if not all(one.reversible for one in found[key].operations)] == []


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (migrations.AddIndex("user", INDEX), "locks a table"),
        (migrations.RemoveIndex("user", "by_email"), "locks a table"),
        (migrations.AddField("user", "age", models.IntegerField(default=1)), "db_default"),
        (migrations.AddField("user", "code", models.CharField(null=True, unique=True)), "under a lock"),
        (migrations.AddConstraint("user", models.CheckConstraint(condition=models.Q(pk=1), name="one")), "NOT VALID"),
        (migrations.AlterField("user", "email", models.TextField()), "rewrite"),
        (migrations.RenameField("user", "email", "address"), "still running"),
        (migrations.RunPython(lambda apps, editor: None), "reverse"),
        (migrations.RunSQL("SELECT 1"), "reverse"),
    ],
)
def test_what_would_lock_break_or_stay(operation, words):
    assert any(words in sentence for sentence in broken(migration(operation)))


def test_index_online_stands_alone():
    index = AddIndexOnline("user", INDEX)
    assert list(broken(migration(index, atomic=False))) == []
    assert list(broken(migration(index)))
    assert list(broken(migration(index, migrations.RunSQL("SELECT 1", "SELECT 1"), atomic=False)))


def test_what_it_makes_itself_is_its_own():
    assert (
        list(broken(migration(TABLE, migrations.AddIndex("own", models.Index(fields=["id"], name="own_by_id"))))) == []
    )


@pytest.mark.parametrize(
    "field",
    [models.IntegerField(null=True), models.IntegerField(db_default=1), models.ManyToManyField("membership.User")],
)
def test_field_that_running_code_need_not_know(field):
    assert list(broken(migration(migrations.AddField("user", "more", field)))) == []
