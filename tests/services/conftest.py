"""Tests that need PostgreSQL, Redis or a browser. They fail loudly when one is absent (make test-services)."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import psycopg
import pytest
from playwright.sync_api import expect

from tests import schema

expect.set_options(timeout=20_000)  # milliseconds: a slow machine is no fault of ours
ROOT = Path(__file__).resolve().parents[2]
POSTGRES = "postgres://root@127.0.0.1:5432/test"
REDIS = "redis://127.0.0.1:6379"
CHROMIUM = "/usr/bin/chromium"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is ours, and keep on one processor what shares an installation (`--dist loadgroup`)."""
    for item in items:
        if "tests/services" in str(item.path):
            item.add_marker(pytest.mark.services)
            shared = "site" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("site" if shared else item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def everything_is_there() -> None:
    for name, address in (("PostgreSQL", POSTGRES), ("Redis", REDIS)):
        parts = urlsplit(address)
        with socket.socket() as probe:
            probe.settimeout(3)
            if probe.connect_ex((parts.hostname or "", parts.port or 0)):
                pytest.fail(f"{name} does not answer at {parts.hostname}:{parts.port}: start it, then run this again.")
    if not shutil.which("chromium"):
        pytest.fail("Chromium is missing: install Debian's package chromium, then run this again.")


class Installation:
    """A whole installation of its own: database, broker, outbox, and its operator commands."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.outbox = folder / "outbox"
        inherited = {
            key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "CELERY_BROKER_URL"}
        }
        self.environment = inherited | {
            "VAR_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "PYTHONPATH": str(ROOT),
            **environment,
        }

    def command(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        """Run `manage.py … --json` and return its last line."""
        done = self.start(*arguments, "--json")
        out, err = done.communicate(timeout=240)
        if check:
            assert done.returncode == 0, err
        return json.loads(out.strip().splitlines()[-1]) if out.strip() else {}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return self.process([sys.executable, "manage.py", *arguments])

    def process(self, arguments: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            arguments, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def migrate(self) -> None:
        """As a deployment does. An SQLite database begins as a copy of one that is migrated."""
        if "DATABASE_URL" not in self.environment:
            self.folder.mkdir(parents=True, exist_ok=True)
            schema.copy_sqlite(self.folder / "db.sqlite3")
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self.environment, check=True)

    def mails(self) -> dict[str, bytes]:
        """File name -> content of every e-news in the outbox."""
        return {path.name: path.read_bytes() for path in sorted(self.outbox.glob("*.eml"))}


@pytest.fixture
def embedded(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "embedded")
    installation.migrate()
    return installation


@pytest.fixture
def production_like(tmp_path: Path) -> Iterator[Installation]:
    """PostgreSQL and Redis, with a database and a broker namespace of its own."""
    name = f"ihop_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {schema.postgres_schema(POSTGRES)}')
    installation = Installation(
        tmp_path / "production",
        DATABASE_URL=POSTGRES.rsplit("/", 1)[0] + f"/{name}",
        CELERY_BROKER_URL=f"{REDIS}/9",
        CELERY_QUEUE=name,
    )
    installation.migrate()
    yield installation
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium, which must not call home from a machine without a network."""
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {"executable_path": CHROMIUM, "args": quiet}


class Site:
    """The demo's installation, served by gunicorn on a port of its own."""

    def __init__(self, installation: Installation, *demo: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.installation = installation
        installation.environment["SITE_URL"] = self.address
        installation.migrate()
        self.demo = installation.command("demo", "--members", "60", *demo)
        gunicorn = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        # Threads, as in production: a worker without them waits for a browser's idle connections, and is killed while a
        # busy machine still imports.
        self.server = installation.process([*gunicorn, "--threads", "4", "--timeout", "120", "--log-level", "error"])
        deadline = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline, "gunicorn did not start"
            time.sleep(0.2)
        urlopen(f"{self.address}/healthz", timeout=120).close()  # the first answer imports everything

    def account_mails(self) -> list[str]:
        """The text of every account mail, oldest first."""
        folder = self.installation.outbox / "accounts"
        paths = sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        return [message_from_bytes(path.read_bytes(), policy=policy.default).get_content() for path in paths]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(Installation(tmp_path_factory.mktemp("site")))
    yield made
    made.server.terminate()
    made.server.communicate(timeout=20)
