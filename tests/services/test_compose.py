"""Compose reads our files: with its own command, which needs no container engine for that."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.services.conftest import ROOT

SETTINGS = {
    "DATABASE_URL": "postgres://ihop:secret@postgres:5432/ihop",
    "CELERY_BROKER_URL": "redis://redis:6379/0",
    "EMAIL_PROVIDER": "smtp",
    "EMAIL_URL": "smtp+tls://user:secret@mail.example.org:587",
    "SITE_URL": "https://www.example.org",
    "POSTGRES_PASSWORD": "secret",
}


FILES = ("docker-compose.yml", "config/docker-compose.production.yml")


def compose(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """What compose makes of these files; without any, of those that `.env` names."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        command = ["docker", "compose"]
    elif shutil.which("docker-compose"):
        command = ["docker-compose"]
    else:
        pytest.fail("Compose is missing: install Debian's package docker-compose, then run this again.")
    for file in files or FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    named = [word for file in files for word in ("-f", file)]
    return subprocess.run([*command, *named, "config"], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Dockerfile", tmp_path)
    return tmp_path


def test_trying_out(folder: Path) -> None:
    done = compose(folder, "docker-compose.yml")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert {"web", "worker", "beat", "postgres", "redis", "cache", "mail"} <= services.keys()
    assert services["web"]["build"]["args"] == {"REQUIREMENTS": "requirements.lock"}


def test_production(folder: Path) -> None:
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in SETTINGS.items()))
    done = compose(folder, *FILES)
    assert done.returncode == 0, done.stderr
    web = yaml.safe_load(done.stdout)["services"]["web"]
    assert web["environment"]["DJANGO_SETTINGS_MODULE"] == "config.settings.production"
    assert web["environment"]["EMAIL_URL"] == SETTINGS["EMAIL_URL"]
    assert web["read_only"] is True


def test_commands_mean_production_once_env_says_so(folder: Path) -> None:
    """docs/deploying.md: every command, a single `run` too, else it works on the trial's database."""
    given = SETTINGS | {"COMPOSE_FILE": ":".join(FILES), "REQUIREMENTS": "requirements-extras.lock"}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    done = compose(folder)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert services["web"]["environment"]["DJANGO_SETTINGS_MODULE"] == "config.settings.production"
    assert services["prepare"]["environment"]["SITE_URL"] == SETTINGS["SITE_URL"]
    assert services["web"]["build"]["args"] == {"REQUIREMENTS": "requirements-extras.lock"}


@pytest.mark.parametrize("name", ["DATABASE_URL", "SITE_URL", "POSTGRES_PASSWORD"])
def test_production_without_what_it_needs_stops_and_names_it(folder: Path, name: str) -> None:
    given = {key: value for key, value in SETTINGS.items() if key != name}
    (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in given.items()))
    done = compose(folder, *FILES)
    assert done.returncode != 0
    assert f"set {name}" in done.stderr
