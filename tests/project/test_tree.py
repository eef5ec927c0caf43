"""What may never stand in a committed file: where packages came from, whose machine it was, real people's addresses."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_COMMITTED = {".git", ".venv", "var", "node_modules", "__pycache__"}  # and every …_cache, see .gitignore
# Put together here, so that this file does not contain them itself.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("anaconda", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
    )
]
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:work|root|Users|home/[a-z]+|opt/pypi|tmp/[a-z]+-)/?[\w.]*/")
ADDRESS = re.compile(r"[\w.+-]+@((?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,})", re.IGNORECASE | re.ASCII)
# RFC 2606 and RFC 6761: names that will never belong to anybody.
NOBODYS = re.compile(r"(?:^|\.)(?:example\.(?:org|com|net)|example|test|invalid|localhost|local)$", re.IGNORECASE)


def committed_texts():
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_COMMITTED and not _is_cache(name)]
        for name in files:
            path = Path(folder) / name
            data = path.read_bytes()
            if name not in {".env", ".git"} and b"\0" not in data:  # in a work tree .git is a file
                yield path.relative_to(ROOT), data.decode("utf-8", "replace")


def _is_cache(name):
    return name.startswith(".") and (name.endswith("_cache") or name == ".hypothesis")


@pytest.fixture(scope="module")
def texts():
    return dict(committed_texts())


def test_the_walk_sees_the_tree(texts):
    assert {Path("manage.py"), Path("requirements.lock"), Path("templates/base.html"), Path(".ci/run")} <= set(texts)


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_registry_is_named(texts, host):
    assert [str(path) for path, text in texts.items() if host in text.lower()] == []


def test_no_path_of_a_machine_is_named(texts):
    found = [(str(path), match[0]) for path, text in texts.items() for match in MACHINE_PATH.finditer(text)]
    assert found == []


def test_no_address_of_a_person_is_named(texts):
    found = [
        (str(path), match[0])
        for path, text in texts.items()
        for match in ADDRESS.finditer(text)
        if not NOBODYS.search(match[1])
    ]
    assert found == []


def test_no_text_is_broken(texts):
    assert [str(path) for path, text in texts.items() if "\ufffd" in text] == []
