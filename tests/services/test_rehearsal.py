"""A stranger's rehearsal: a machine with PostgreSQL and Redis, the documentation, and nothing else.

Every `sh` block of docs/deploying.md is run as it stands, in one shell. The only things given are those that the
document says may be set beforehand.
"""

import json
import os
import re
import signal
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.own_services import Postgres, free_port, own_postgres, wait_for
from tests.servers.smtp import SmtpServer
from tests.services.conftest import REDIS, ROOT

DEPLOYING = ROOT / "docs" / "deploying.md"
MEMBERS = 80


def blocks(document: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def cluster() -> Iterator[Postgres]:
    """As on a machine just installed: over the network with a password only, and nobody but its owner without one."""
    with own_postgres() as postgres:
        (postgres.folder / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all all scram-sha-256\n")
        postgres.execute("SELECT pg_reload_conf()")
        wait_for(lambda: not postgres.is_ready(), "PostgreSQL to ask for a password")
        yield postgres


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "ihop"
    pid = tmp_path / "ihop" / "pid"
    if not pid.exists():
        return
    with suppress(ProcessLookupError):  # ended by itself
        os.kill(int(pid.read_text()), signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists(), "the service to end")


def test_the_documentation_leads_to_a_sent_issue(tmp_path: Path, place: Path, cluster: Postgres) -> None:
    script = "\n".join(blocks(DEPLOYING))
    assert "send_issue" in script
    with SmtpServer() as catcher:
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "IHOP": str(place),
            "IHOP_SOURCE": str(ROOT),
            "AS_POSTGRES": f"env PGHOST={cluster.folder} PGPORT={cluster.port} PGUSER=owner",
            "DB": f"ihop_{uuid.uuid4().hex[:12]}",
            "DB_PORT": str(cluster.port),
            "CELERY_BROKER_URL": f"{REDIS}/8",
            "CACHE_URL": f"{REDIS}/8",
            "EMAIL_URL": f"smtp://127.0.0.1:{catcher.port}",
            "PORT": str(free_port()),
            "MEMBERS": str(MEMBERS),
        }
        given |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=given,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=420,
        )
        log = (place / "log").read_text() if (place / "log").exists() else ""
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{log[-3000:]}"
        certificate = json.loads(done.stdout.strip().splitlines()[-1])
        news = Counter(one.recipient for one in catcher.accepted if b"List-Unsubscribe:" in one.content)
        assert [path.suffix for path in (place / "backups").iterdir()] == [".tar"]
    assert certificate["balanced"]
    # The scheduler has been at work too: sample members who never confirmed, for a month, have gone.
    assert certificate["sent"] + certificate["skipped"] == certificate["frozen"] <= MEMBERS
    assert certificate["unknown"] == 0
    assert len(news) == certificate["sent"] > 0
    assert set(news.values()) == {1}
    assert "example.org" not in log.replace("ihop.example.org", ""), "no address of a member stands in a log"
