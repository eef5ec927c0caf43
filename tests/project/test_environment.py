"""`.env` beside manage.py holds for every process, and what is given to a process wins over it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAY = "from django.conf import settings; print(settings.SETTINGS_MODULE, settings.SEND_PER_DAY)"
GUNICORN = "import runpy; print(runpy.run_path('config/gunicorn.conf.py')['logconfig_dict']['root']['level'])"
ENTRIES = {
    "manage.py": ["manage.py", "shell", "--no-imports", "-c", SAY],
    "wsgi": ["-c", f"import config.wsgi; {SAY}"],
    "celery": ["-c", f"import config.celery; {SAY}"],
}


@pytest.fixture
def installation(tmp_path):
    """A checkout of its own, for `.env` stands in it, and a way to run Python there."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    for name in ("cms", "membership", "newsletter", "templates", "static"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "config" / "settings" / "another.py").write_text("from config.settings.base import *\n")

    def run(arguments, **environment):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run.folder = tmp_path
    return run


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_file_chooses_the_settings(installation, entry):
    (installation.folder / ".env").write_text("DJANGO_SETTINGS_MODULE=config.settings.another\nSEND_PER_DAY=70\n")
    assert installation(ENTRIES[entry]) == "config.settings.another 70"


def test_what_a_process_is_given_wins_over_the_file(installation):
    (installation.folder / ".env").write_text("DJANGO_SETTINGS_MODULE=config.settings.another\nSEND_PER_DAY=70\n")
    given = {"DJANGO_SETTINGS_MODULE": "config.settings.development", "SEND_PER_DAY": "5"}
    assert installation(ENTRIES["celery"], **given) == "config.settings.development 5"


def test_without_a_file_the_embedded_default_is_chosen(installation):
    assert installation(ENTRIES["celery"]) == "config.settings.development 0"
    assert installation(ENTRIES["celery"], DJANGO_SETTINGS_MODULE="") == "config.settings.development 0"


def test_gunicorn_s_main_process_reads_it_too(installation):
    """It logs before the application is there."""
    assert installation(["-c", GUNICORN]) == "WARNING"
    (installation.folder / ".env").write_text("DJANGO_SETTINGS_MODULE=config.settings.production\n")
    assert installation(["-c", GUNICORN]) == "INFO"
    (installation.folder / ".env").write_text("LOG_LEVEL=ERROR\n")
    assert installation(["-c", GUNICORN]) == "ERROR"


# --- .env.example ---------------------------------------------------------------------------------


@pytest.fixture
def filled_in(installation):
    """`.env`: the example with every setting taken, and the secrets that it cannot give."""
    text = re.sub(r"^#(?=[A-Z])", "", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    text = re.sub(r"^(SECRET_KEY|ADDRESS_HASH_KEY)=$", r"\1=made-up-for-this", text, flags=re.MULTILINE)
    (installation.folder / ".env").write_text(text)
    return installation


def test_the_example_can_be_filled_in(filled_in):
    say = "from config import environment as it; it.prepare(); from config.settings import production as p; print({})"
    names = ["NEWS_FROM", "SEND_RATE_PER_SECOND", "SEND_DOMAIN_RATES", "SEND_CALLS", "LOG_LEVEL", "TRUSTED_PROXY_COUNT"]
    shown = filled_in(["-c", say.format("[" + ", ".join(f"p.env('{name}')" for name in names) + "]")])
    assert shown == str(["i-HOP e-news <news@example.org>", "0", "nhs.net=5,*=20", "25", "INFO", "0"])


def test_shell_and_service_read_the_same(filled_in):
    """docs/deploying.md reads settings with a shell, containers and `.env` without one."""
    text = (filled_in.folder / ".env").read_text()
    names = re.findall(r"^([A-Z_]+)=", text, re.MULTILINE)
    assert {"NEWS_FROM", "POSTGRES_PASSWORD", "SEND_DOMAIN_RATES"} <= set(names)
    say = f"import os; print([os.environ.get(name) for name in {names!r}])"
    by_shell = subprocess.run(
        ["sh", "-euc", f'set -a; . ./.env; exec {sys.executable} -c "$1"', "sh", say],
        cwd=filled_in.folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert by_shell.stderr == ""
    assert filled_in(["-c", f"from config import environment as it; it.prepare(); {say}"]) == by_shell.stdout.strip()


def test_compose_names_what_the_example_explains():
    """What the production override takes from `.env` can be found in the example."""
    taken = re.findall(r"\$\{([A-Z_]+)", (ROOT / "config" / "docker-compose.production.yml").read_text())
    explained = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert "POSTGRES_PASSWORD" in taken
    assert set(taken) <= set(explained)
