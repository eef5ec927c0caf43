"""`make audit`: every lock file that an installation may use is asked about, and silence is not taken for safety."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP_AUDIT = """
import json, sys
def one(lock):
    known = [] if lock != {weak!r} else [{{"id": "CVE-1", "fix_versions": ["2"]}}]
    return {{"name": lock, "version": "1", "vulns": known}}
locks = [word for word in sys.argv if word.endswith(".lock")]
print(json.dumps({{"dependencies": [one(lock) for lock in locks]}}))
"""


def audit(folder, weak):
    """Run it where the index knows a weakness in what this lock file pins."""
    (folder / "pip_audit.py").write_text(PIP_AUDIT.format(weak=weak))
    return subprocess.run(
        [sys.executable, ".ci/audit.py"], cwd=ROOT, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )


@pytest.mark.parametrize("weak", ["requirements.lock", "requirements-extras.lock"])
def test_a_weakness_of_what_is_installed_is_found(tmp_path, weak):
    done = audit(tmp_path, weak)
    assert done.returncode == 1
    assert f"{weak} 1: CVE-1, mended in 2." in done.stdout


def test_nothing_known_passes(tmp_path):
    done = audit(tmp_path, "")
    assert (done.returncode, done.stdout.strip()) == (0, "2 packages were audited; 0 known weaknesses.")
