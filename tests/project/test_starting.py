"""Site, workers and scheduler refuse to start in production with settings that would fail or leak later."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = {
    "web": ["-c", "import config.wsgi; print('started')"],
    "worker": ["-m", "celery", "-A", "config", "worker", "--pool", "solo"],
    "beat": ["-m", "celery", "-A", "config", "beat"],
}
GOOD = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "a long random string for the sessions, 50 characters",
    "ADDRESS_HASH_KEY": "another long random string for the addresses",
    "ALLOWED_HOSTS": "www.ihop.example.org",
    "SITE_URL": "https://www.ihop.example.org",
    "TRUSTED_PROXY_COUNT": "1",
    "DATABASE_URL": "postgres://ihop@127.0.0.1:1/nobody-is-there",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "NEWS_FROM": "i-HOP e-news <news@ihop.example.org>",
    "ACCOUNTS_FROM": "i-HOP <accounts@ihop.example.org>",
    "POSTAL_ADDRESS": "i-HOP, 4 Market Square, Durham",
    "TEAM_EMAIL": "team@ihop.test",
}
SMTP = {"EMAIL_PROVIDER": "smtp", "EMAIL_URL": "smtp+tls://user:password@mail.example.org:587"}
MAILGUN = {"EMAIL_PROVIDER": "mailgun", "ANYMAIL_MAILGUN_API_KEY": "key"}
SIGNED = MAILGUN | {"ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY": "key"}
BOUNCES = {
    "BOUNCE_ADDRESS": "bounces@ihop.example.org",
    "BOUNCE_MAILBOX": "imaps://user:password@mail.example.org/INBOX",
}
SCALEWAY = {
    "EMAIL_PROVIDER": "scaleway",
    "ANYMAIL_SCALEWAY_SECRET_KEY": "key",
    "ANYMAIL_SCALEWAY_PROJECT_ID": "project",
}


@pytest.fixture
def start(tmp_path):
    static = tmp_path / "static"
    static.mkdir()
    (static / "staticfiles.json").write_text('{"version": "1.1", "paths": {}, "hash": ""}')

    def start(arguments, **environment):
        given = {"VAR_DIR": str(tmp_path / "var"), "STATIC_ROOT": str(static)} | GOOD | environment
        given["ERASURE_JOURNAL"] = str(tmp_path / "elsewhere" / "erasures.jsonl")
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **given},
            capture_output=True,
            text=True,
            timeout=90,
        )

    return start


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_missing_secret_stops_the_start(start, entry):
    """Anybody could report that a member's address bounces, and have it suppressed."""
    done = start(ENTRIES[entry], **MAILGUN)
    assert done.returncode == 3, "gunicorn ends at this number, and does not try again for ever"
    said = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (critical,) = [line["message"] for line in said if line["level"] == "CRITICAL"]
    assert critical.startswith("will not start: ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY is not set")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"EMAIL_PROVIDER": "mailjet"}, "newsletter.E002"),
        ({"EMAIL_PROVIDER": "nosuch"}, "newsletter.E001"),
        ({"EMAIL_PROVIDER": "postmark", "ANYMAIL_POSTMARK_SERVER_TOKEN": "key"}, "newsletter.E004"),
        (SMTP | {"ALLOWED_HOSTS": "*"}, "config.E002"),
    ],
)
def test_what_else_is_wrong_stops_it_too(start, change, said):
    done = start(ENTRIES["web"], **change)
    assert done.returncode == 3
    assert said in done.stderr


@pytest.mark.parametrize("given", [SMTP, SIGNED, SCALEWAY], ids=["smtp", "mailgun", "scaleway"])
def test_good_settings_start(start, given):
    """Without a database or a broker: they may come later. Nor does any provider need a secret that it does not use."""
    done = start(ENTRIES["web"], **given)
    assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr


@pytest.mark.parametrize("given", [SMTP | BOUNCES, SIGNED], ids=["smtp", "mailgun"])
def test_a_well_filled_installation_has_nothing_to_be_told(start, given):
    """By any check there is, Django's and Wagtail's too: one that always warns hides the one that matters."""
    done = start(["manage.py", "check", "--deploy", "--fail-level", "WARNING"], **given)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
