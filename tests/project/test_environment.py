"""`.env` beside manage.py holds for every process, and what is given to a process wins over it."""

import os
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
