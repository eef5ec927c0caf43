"""What every test may use. Substitutes are chosen by settings, never by patching our own code."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from tests import factories, schema


def pytest_configure(config: pytest.Config) -> None:
    """Migrate while the workers are still reading the tests; they wait for it when they come to need it."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        subprocess.Popen([sys.executable, "-m", "tests.schema"], cwd=schema.ROOT, stdout=subprocess.DEVNULL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, leave out what needs no database: it has been run on SQLite."""
    if connection.vendor == "postgresql":
        idle = {item for item in items if not item.get_closest_marker("django_db") and "db" not in _fixtures(item)}
        config.hook.pytest_deselected(items=[item for item in items if item in idle])
        items[:] = [item for item in items if item not in idle]


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Let the test database begin as a copy of one that is migrated: pytest-django's `migrate` finds little to do."""
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = schema.postgres_schema(os.environ["DATABASE_URL"])
        yield
        return
    # A database in memory lives as long as somebody holds it open.
    with closing(sqlite3.connect(connection.creation._get_test_db_name(), uri=True)) as held:
        schema.fill_sqlite(held)
        yield


@pytest.fixture(autouse=True)
def own_outbox(settings: LazySettings, tmp_path: Path) -> Path:
    """Each test writes mail into a folder of its own."""
    settings.OUTBOX_DIR = tmp_path / "outbox"
    return settings.OUTBOX_DIR


@pytest.fixture
def issue(db: None) -> Any:
    """An approved issue of October 2026: for everyone, health, schools, and health in the North East."""
    return factories.approved_issue()


@pytest.fixture
def members(db: None) -> list[Any]:
    """Six members: four who get the e-news, one paused, one suppressed."""
    return factories.six_members()
