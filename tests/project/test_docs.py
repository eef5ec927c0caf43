"""What the documents name is there: commands, make targets, files they link to, settings."""

import re
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# Whatever may stand between backticks or at the start of a line of a block.
COMMAND = re.compile(r"manage\.py ([a-z][a-z_]+)")
MAKE = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
MODULE = re.compile(r"python -m (benchmarks(?:\.[a-z_]+)+)")
# A command of ours with its options: behind manage.py, or by its name between backticks.
WITH_OPTIONS = re.compile(r"(?:manage\.py |`)([a-z][a-z_]+)((?: [^`\n|;&>#]*)?)")
HONCHO = re.compile(r"honcho -f (\S+)")
COMPOSE = re.compile(r"docker compose (run|exec|up|stop)((?: +[^`\n|;&<>#\s]+)*)")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_is_there(document):
    text = document.read_text()
    missing = [f"manage.py {name}" for name in COMMAND.findall(text) if name not in get_commands()]
    missing += [f"make {name}" for name in MAKE.findall(text) if name not in TARGETS]
    missing += [name for name in MODULE.findall(text) if not _is_module(name)]
    missing += [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_that_a_document_names_are_taken(document):
    unknown = []
    for name, rest in WITH_OPTIONS.findall(document.read_text()):
        app = get_commands().get(name)
        if app:
            taken = load_command_class(app, name).create_parser("manage.py", name)._option_string_actions
            unknown += [f"{name} {option}" for option in re.findall(r"(?<!\S)--[a-z-]+", rest) if option not in taken]
    assert unknown == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_processes_and_containers_that_a_document_names_are_there(document):
    text = document.read_text()
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    missing = [name for name in HONCHO.findall(text) if not (ROOT / name).exists()]
    for verb, rest in COMPOSE.findall(text):
        words = [word.partition("=")[0] for word in rest.split() if not word.startswith("-")]
        named = words[:1] if verb in {"run", "exec"} else words
        missing += [f"docker compose {verb} {name}" for name in named if name not in services]
    assert missing == []


def test_what_is_looked_for_is_found():
    """The patterns above: one that finds nothing would find no fault either."""
    deploying, runbook = ((ROOT / "docs" / name).read_text() for name in ("deploying.md", "runbook.md"))
    assert ("backup", ' "$IHOP/backups/" --verify') in WITH_OPTIONS.findall(deploying)
    assert any(name == "decide" and "--treat-as-sent" in rest for name, rest in WITH_OPTIONS.findall(runbook))
    assert HONCHO.findall(deploying) == ["config/Procfile.production"]
    assert ("up", " -d --scale worker=3") in COMPOSE.findall(deploying)


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
