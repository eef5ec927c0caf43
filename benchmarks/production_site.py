"""The demo's site as production serves it: gunicorn with production settings, PostgreSQL and Redis, on a free port.

Everything is its own and goes at the end: a database, a folder, a place in Redis. Only this machine is talked to.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.own_services import answers, free_port, wait_for

ROOT = Path(__file__).resolve().parents[1]
POSTGRES = "postgres://root@127.0.0.1:5432"
REDIS = "redis://127.0.0.1:6379/9"
# What a proxy in front of us would say: we are asked over http, and behave as behind https.
BEHIND_PROXY = {"X-Forwarded-Proto": "https"}


def production_environment(folder: str, database: str, port: int, **more: str) -> dict[str, str]:
    """What production is configured with, for an installation that keeps everything in a folder; `more` wins."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "VAR_DIR": folder,
        "STATIC_ROOT": f"{folder}/static",
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": REDIS,
        "SECRET_KEY": uuid.uuid4().hex * 2,
        "ADDRESS_HASH_KEY": uuid.uuid4().hex * 2,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SITE_URL": f"https://127.0.0.1:{port}",
        "EMAIL_PROVIDER": "file",
        "NEWS_FROM": "i-HOP e-news <news@ihop.example.org>",
        "ACCOUNTS_FROM": "i-HOP <accounts@ihop.example.org>",
        **more,
    }


@contextmanager
def production_site(*demo: str, workers: int = 2) -> Iterator[str]:
    """Serve the demo's content (`demo` are further words for that command) and yield the site's address."""
    port, name = free_port(), f"ihop_{uuid.uuid4().hex[:12]}"
    with TemporaryDirectory() as folder, own_database(name) as database:
        environment = os.environ | production_environment(
            folder,
            database,
            port,
            CELERY_QUEUE=name,
            SECURE_SSL_REDIRECT="false",  # whoever fetches robots.txt sends no such header as below
        )
        for words in (["migrate", "-v0"], ["collectstatic", "--no-input", "-v0"], ["demo", "--members", "60", *demo]):
            _run([sys.executable, "manage.py", *words], environment)
        bind = [f"127.0.0.1:{port}", "--workers", str(workers), "--log-level", "error"]
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", *bind], cwd=ROOT, env=environment
        )
        try:
            wait_for(lambda: answers(port), "starting gunicorn")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


@contextmanager
def own_database(name: str, template: str = "template1") -> Iterator[str]:
    """Make a database, empty or a copy of another, and yield its address; drop it at the end."""
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield f"{POSTGRES}/{name}"
    finally:
        with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed: {done.stderr[-1500:]}")
