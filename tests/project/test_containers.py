"""The containers: what they run is what the rehearsal runs, and they can do little else."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = ("web", "worker", "beat")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def without_address(command):
    return re.sub(r"--bind \S+", "--bind ADDRESS", command)


def test_containers_run_what_the_rehearsal_runs(services):
    """tests/services/test_rehearsal.py starts config/Procfile.production."""
    lines = (ROOT / "config" / "Procfile.production").read_text().splitlines()
    procfile = {name: without_address(command.strip()) for name, _, command in (line.partition(":") for line in lines)}
    assert {name: without_address(services[name]["command"]) for name in OURS} == procfile
    image = re.search(r"^CMD \[(.*)\]$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    assert without_address(" ".join(re.findall(r'"([^"]*)"', image))) == procfile["web"]


@pytest.mark.parametrize("name", OURS)
def test_containers_write_only_where_they_must(services, name):
    assert services[name]["read_only"] is True
    assert services[name]["volumes"] == ["data:/data"]
    assert services[name]["tmpfs"] == ["/tmp"]


def test_image_runs_as_nobody_special_and_is_looked_after():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["ihop"]
    assert dockerfile.index("\nUSER ") < dockerfile.index("\nCMD ")
    assert "/healthz" in dockerfile.partition("HEALTHCHECK")[2]
    assert "--require-hashes" in dockerfile


def test_the_cache_may_forget_and_the_broker_may_not(services):
    assert "allkeys-lru" in services["cache"]["command"]
    assert "maxmemory" in services["cache"]["command"]
    assert "maxmemory" not in services["redis"].get("command", "")
    environment = services["web"]["environment"]
    assert (environment["CELERY_BROKER_URL"], environment["CACHE_URL"]) == (
        "redis://redis:6379/0",
        "redis://cache:6379/0",
    )


def test_image_can_hold_the_extras():
    """Errors and traces are sent elsewhere by packages that the usual lock file leaves out."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    (default,) = re.findall(r"^ARG REQUIREMENTS=(\S+)$", dockerfile, re.MULTILINE)
    assert default == "requirements.lock"
    assert re.search(r"^COPY requirements.lock requirements-extras.lock ", dockerfile, re.MULTILINE)
    assert '--require-hashes -r "$REQUIREMENTS"' in dockerfile
    ours = {
        line.split("==")[0] for line in (ROOT / "requirements-extras.lock").read_text().splitlines() if "==" in line
    }
    assert {"sentry-sdk", "opentelemetry-sdk", "django"} <= ours


def test_programs_that_back_up_are_of_the_server_s_version(services):
    """pg_dump refuses a newer server, and what a newer pg_restore writes an older server refuses."""
    clients = {"bookworm": "15", "trixie": "17"}  # by Debian's release
    bases = re.findall(r"^FROM python:[\d.]+-slim-(\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2, "both stages name the release: without one it changes by itself"
    assert len(set(bases)) == 1
    server = re.fullmatch(r"postgres:(\d+)-\w+", services["postgres"]["image"])[1]
    assert clients[bases[0]] == server


def test_images_of_others_have_a_version(services):
    images = [service["image"] for service in services.values() if "image" in service]
    assert images
    assert all(re.fullmatch(r"[a-z/]+:v?\d+[\w.-]*", image) for image in images), images


def test_nothing_is_published_to_the_network(services):
    """A proxy in front speaks HTTPS; ports are for this machine alone."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_production_holds_no_secret_and_says_what_is_missing():
    text = (ROOT / "config" / "docker-compose.production.yml").read_text()
    for name in ("DATABASE_URL", "CELERY_BROKER_URL", "SITE_URL", "POSTGRES_PASSWORD"):
        assert f"${{{name}:?" in text, "compose stops and names it"
    ours = yaml.safe_load(text)["services"]
    assert all(ours[name]["cap_drop"] == ["ALL"] and ours[name]["restart"] == "always" for name in OURS)
