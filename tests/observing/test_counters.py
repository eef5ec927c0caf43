"""What several processes count is added up, and what they leave behind is forgotten."""

import os
import subprocess
import sys
import time

from config.observing import counters

COUNT = """
import os, sys
from pathlib import Path
from config.observing import counters
counters.share(Path(sys.argv[1]), sys.argv[2], os.getpid())
counters.count_request("home", "GET", 200, 0.01)
counters.count_task("tick", "success", 1)
print(sum(s.value for f in counters.families() for s in f.samples if s.name == "ihop_http_requests_total"))
"""

ASK = """
def get(path):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "localhost",
               "SERVER_PORT": "80", "wsgi.input": io.BytesIO()}
    return b"".join(ask(environ, lambda *args: None)).decode()
get("/healthz")
print(get("/metrics"))
"""


def count_in_a_process(folder, role):
    done = subprocess.run([sys.executable, "-c", COUNT, str(folder), role], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_all_processes_of_a_machine_are_added_up(tmp_path):
    assert count_in_a_process(tmp_path, "web") == 1
    assert count_in_a_process(tmp_path, "worker") == 2


def test_the_site_counts_in_files(tmp_path):
    """prometheus_client must not be imported before it is known where to count."""
    asked = "from config.wsgi import application as ask\nimport io\n" + ASK
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 'ihop_http_requests_total{area="healthz",method="GET",status="2xx"} 1.0' in done.stdout
    assert list(tmp_path.glob("metrics/web-*/counter_*.db"))


def test_what_processes_left_long_ago_is_forgotten(tmp_path):
    for name, age in (("old", 2 * counters.FORGOTTEN), ("new", 0)):
        file = tmp_path / name / "counter_1.db"
        file.parent.mkdir()
        file.touch()
        then = time.time() - age
        os.utime(file, (then, then))
    counters.forget(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


def test_without_a_place_for_files_each_process_counts_for_itself(tmp_path, monkeypatch):
    monkeypatch.delenv(counters.VARIABLE, raising=False)
    (tmp_path / "metrics").touch()
    counters.share(tmp_path, "web", 1)
    assert counters.VARIABLE not in os.environ
