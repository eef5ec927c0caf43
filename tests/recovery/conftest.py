"""What tests of backups share: a database that a test may replace, and folders of its own."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from wagtail.models import Site


@pytest.fixture
def db(django_db_setup, django_db_blocker, settings, tmp_path) -> Iterator[None]:
    """In this folder: the test database outside any transaction, with own journal and media; put back afterwards."""
    assert connection.vendor == "sqlite", "PostgreSQL is rehearsed by tests/services/test_recovery.py"
    settings.ERASURE_JOURNAL = str(tmp_path / "journal" / "erasures.jsonl")
    settings.MEDIA_ROOT = tmp_path / "media"
    with django_db_blocker.unblock(), closing(sqlite3.connect(":memory:")) as kept:
        connection.ensure_connection()
        connection.connection.backup(kept)
        yield
        kept.backup(connection.connection)
        ContentType.objects.clear_cache()
        Site.clear_site_root_paths_cache()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where backups go."""
    return tmp_path / "backups"
