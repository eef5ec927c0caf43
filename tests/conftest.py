"""What every test may use. Substitutes are chosen by settings, never by patching our own code."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from tests import factories


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
