"""What the documents name is there: commands, make targets, files they link to, settings."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# Whatever may stand between backticks or at the start of a line of a block.
COMMAND = re.compile(r"manage\.py ([a-z][a-z_]+)")
MAKE = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
MODULE = re.compile(r"python -m (benchmarks(?:\.[a-z_]+)+)")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_is_there(document):
    text = document.read_text()
    missing = [f"manage.py {name}" for name in COMMAND.findall(text) if name not in get_commands()]
    missing += [f"make {name}" for name in MAKE.findall(text) if name not in TARGETS]
    missing += [name for name in MODULE.findall(text) if not _is_module(name)]
    missing += [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    assert missing == []


def _is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_every_setting_that_is_read_is_explained():
    """`.env.example` is complete: whatever settings read from the environment stands in it."""
    explained = (ROOT / ".env.example").read_text()
    read = set()
    for path in (ROOT / "config").rglob("*.py"):
        read |= set(re.findall(r"env(?:\.\w+)?\(\s*\"([A-Z_]+)\"", path.read_text()))
    assert "DATABASE_URL" in read
    assert sorted(name for name in read if not re.search(rf"\b{name}\b", explained)) == []
