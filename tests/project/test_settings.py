"""Starting the service: from nothing, in production with something missing, and several times at once."""

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from config.secret import local_secret_key
from config.settings import base

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "SECRET_KEY": "a long random string",
    "ADDRESS_HASH_KEY": "another long random string",
    "ALLOWED_HOSTS": "ihop.example.org",
    "SITE_URL": "https://ihop.example.org",
    "DATABASE_URL": "postgres://ihop:secret@127.0.0.1:5432/ihop",
    "CELERY_BROKER_URL": "redis://127.0.0.1:6379/0",
    "EMAIL_PROVIDER": "postmark",
    "NEWS_FROM": "i-HOP e-news <news@ihop.example.org>",
    "ACCOUNTS_FROM": "i-HOP <accounts@ihop.example.org>",
}
SHOW = """
import json
from config.settings import {settings} as chosen
names = {names!r}
print(json.dumps({{name: getattr(chosen, name) for name in names}}, default=str))
"""


def start(arguments, folder, **environment):
    """Start Python in the project with this environment and nothing else."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(arguments, folder, **environment):
    process = start(arguments, folder, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def shown(settings, names, folder, **environment):
    """The values of settings in a process of their own."""
    code, out, err = run(["-c", SHOW.format(settings=settings, names=names)], folder, **environment)
    assert code == 0, err
    return json.loads(out)


# --- Production ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRODUCTION)
def test_production_without_what_it_needs_stops_and_names_it(tmp_path, name):
    given = {key: value for key, value in PRODUCTION.items() if key != name}
    code, _, err = run(["-c", "import config.settings.production"], tmp_path, **given)
    assert code != 0
    last = err.strip().splitlines()[-1]
    assert "ImproperlyConfigured" in last
    assert f"Set {name} " in last


@pytest.mark.parametrize("address", ["http://ihop.example.org", "ihop.example.org"])
def test_production_refuses_a_site_address_without_https(tmp_path, address):
    code, _, err = run(["-c", "import config.settings.production"], tmp_path, **PRODUCTION | {"SITE_URL": address})
    assert code != 0
    assert "SITE_URL" in err.strip().splitlines()[-1]


def test_operator_sees_one_clear_line_instead_of_a_traceback(tmp_path):
    code, out, err = run(["manage.py", "check"], tmp_path, DJANGO_SETTINGS_MODULE="config.settings.production")
    assert code == 1
    assert err.startswith("Error: Set SECRET_KEY")
    assert len(err.strip().splitlines()) == 1
    assert out == ""


def test_production_is_closed_and_encrypted(tmp_path):
    names = [
        "DEBUG",
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
        "SESSION_COOKIE_SECURE",
        "SESSION_COOKIE_HTTPONLY",
        "CSRF_COOKIE_SECURE",
        "SECURE_REDIRECT_EXEMPT",
        "ALLOWED_HOSTS",
        "EMAIL_BACKEND",
        "ANYMAIL",
        "SITE_URL",
    ]
    values = shown(
        "production",
        names,
        tmp_path,
        **PRODUCTION
        | {"DEBUG": "1", "SITE_URL": "https://ihop.example.org/", "ANYMAIL_WEBHOOK_SECRET": "user:password"},
    )
    assert values["DEBUG"] is False, "whatever the environment says"
    assert all(values[name] is True for name in names[1:6] if name != "SECURE_HSTS_SECONDS")
    assert values["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert values["ALLOWED_HOSTS"] == ["ihop.example.org"]
    assert values["EMAIL_BACKEND"] == "anymail.backends.postmark.EmailBackend"
    assert values["ANYMAIL"] == {"WEBHOOK_SECRET": "user:password"}
    assert values["SITE_URL"] == "https://ihop.example.org"
    assert any("e-news/u/" in pattern for pattern in values["SECURE_REDIRECT_EXEMPT"]), "RFC 8058 forbids redirects"


def test_production_takes_the_smtp_server_from_its_address(tmp_path):
    given = PRODUCTION | {"EMAIL_PROVIDER": "smtp", "EMAIL_URL": "smtp+tls://me:secret@mail.example.org:587"}
    names = ["EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS"]
    assert list(shown("production", names, tmp_path, **given).values()) == [
        "django.core.mail.backends.smtp.EmailBackend",
        "mail.example.org",
        587,
        "me",
        "secret",
        True,
    ]


def test_production_by_smtp_needs_the_server_s_address(tmp_path):
    code, _, err = run(["-c", "import config.settings.production"], tmp_path, **PRODUCTION | {"EMAIL_PROVIDER": "smtp"})
    assert code != 0, "it would quietly hand everything to localhost"
    assert "EMAIL_URL" in err.strip().splitlines()[-1]


# --- The embedded default ------------------------------------------------------------------------


def test_embedded_default_starts_from_an_empty_environment(tmp_path):
    code, out, err = run(["manage.py", "check"], tmp_path)
    assert code == 0, err
    assert "no issues" in out
    assert (tmp_path / "secret_key").exists()


def test_embedded_default_needs_no_service(tmp_path):
    names = ["DATABASES", "CELERY_BROKER_URL", "EMAIL_BACKEND", "DEBUG", "OUTBOX_DIR"]
    values = shown("development", names, tmp_path)
    database = values["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert Path(database["NAME"]).parent == Path(values["OUTBOX_DIR"]).parent == tmp_path
    assert values["CELERY_BROKER_URL"].startswith("filesystem:")
    assert values["EMAIL_BACKEND"] == "config.outbox.OutboxBackend"
    assert values["DEBUG"] is False


@pytest.mark.parametrize("name", ["DATABASE_URL", "CELERY_BROKER_URL", "EMAIL_PROVIDER", "SITE_URL"])
def test_empty_variable_means_the_default(tmp_path, name):
    """Compose files and `.env` files say `NAME=` for what is not set."""
    setting = {"DATABASE_URL": "DATABASES", "EMAIL_PROVIDER": "EMAIL_BACKEND"}.get(name, name)
    assert shown("development", [setting], tmp_path, **{name: ""}) == shown("development", [setting], tmp_path)


def test_processes_that_start_together_share_one_secret_key(tmp_path):
    program = ["-c", "from config.settings import development as it; print(it.SECRET_KEY)"]
    processes = [start(program, tmp_path) for _ in range(6)]
    keys = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert keys == {(tmp_path / "secret_key").read_text()}
    assert len(keys.pop()) >= 50


def test_secret_key_is_made_once_for_its_owner_alone(tmp_path):
    first = local_secret_key(tmp_path)
    assert local_secret_key(tmp_path) == first
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"], "nothing is left lying about"
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_secret_key_differs_between_installations(tmp_path):
    (tmp_path / "other").mkdir()
    assert local_secret_key(tmp_path) != local_secret_key(tmp_path / "other")


# --- The code as it stands -----------------------------------------------------------------------


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


def test_taking_the_search_back_does_not_take_the_newsletter_along():
    """Migrations of other rooms lean on the hub's tables, not on its full-text index."""
    graph = MigrationLoader(None).graph
    leaning = {key for key in graph.nodes if ("cms", "0002_search") in graph.node_map[key].parents}
    assert leaning == set()


def test_version_is_the_same_everywhere():
    """Backups and logs name the one in the settings, packages the other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == base.VERSION
