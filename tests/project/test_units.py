"""systemd's units: what they run is what the rehearsal runs, and they can do little else."""

import re
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from newsletter.management.commands import backup

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "config" / "systemd"
OURS = ("web", "worker", "beat")
PROGRAMS = "/srv/ihop/code/.venv/bin/"


def unit(name):
    parser = RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(UNITS / name)
    return parser


def test_units_run_what_the_rehearsal_runs():
    """tests/services/test_rehearsal.py starts config/Procfile.production."""
    text = (ROOT / "config" / "Procfile.production").read_text().replace("$PORT", "8000")
    procfile = {name: command.strip() for name, _, command in (line.partition(":") for line in text.splitlines())}
    commands = {name: unit(f"ihop-{name}.service")["Service"]["ExecStart"] for name in OURS}
    assert all(command.startswith(PROGRAMS) for command in commands.values()), "systemd looks nowhere else"
    assert {name: command.removeprefix(PROGRAMS) for name, command in commands.items()} == procfile
    assert unit("ihop-web.socket")["Socket"]["ListenStream"] in commands["web"]


@pytest.mark.parametrize("name", [*OURS, "backup"])
def test_units_may_do_little(name):
    service = unit(f"ihop-{name}.service")["Service"]
    assert service["User"] == "ihop"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "true"
    assert set(service["ReadWritePaths"].split()) <= {f"/srv/ihop/{name}" for name in ("state", "journal", "backups")}
    assert service["EnvironmentFile"] == "/srv/ihop/env", "no secret stands in a unit, which everybody may read"
    assert "Environment" not in service


def test_backups_are_tried_out():
    words = unit("ihop-backup.service")["Service"]["ExecStart"].split("manage.py backup ")[1].split()
    parsed = vars(backup.Command().create_parser("manage.py", "backup").parse_args(words))
    assert parsed["verify"]
    assert parsed["keep"] == 35, "as docs/data-retention.md promises"


def test_systemd_understands_them(tmp_path):
    """Where systemd is installed it reads them itself; everywhere, each is known to name its sections and no other."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / ".venv").symlink_to(Path(sys.executable).parents[1])
    copies = []
    for path in sorted(UNITS.iterdir()):
        kind = {".service": "Service", ".socket": "Socket", ".timer": "Timer"}[path.suffix]
        assert {kind, "Unit"} <= set(unit(path.name).sections()) <= {kind, "Unit", "Install"}
        copies.append(tmp_path / path.name)
        copies[-1].write_text(path.read_text().replace("/srv/ihop", str(tmp_path)))
    assert len(copies) == 6
    if shutil.which("systemd-analyze"):
        command = ["systemd-analyze", "verify", "--man=no", *copies]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
        assert not re.findall(rf".*{re.escape(str(tmp_path))}.*|.*ihop-.*", said), said
