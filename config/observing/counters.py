"""Counters of requests and tasks: what the database does not know. Added up over the processes of a machine.

Each process counts in a file of its own under `VAR_DIR/metrics/`, mapped into memory (prometheus_client's way), and
whoever is asked for metrics adds the files up. Processes that share no `VAR_DIR` do not see each other's.
"""

import glob
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

FORGOTTEN = 86_400.0  # seconds since somebody counted into a folder: its processes have gone
METHODS = {"GET", "HEAD", "POST"}
WEB_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10)
TASK_BUCKETS = (0.1, 1, 10, 60, 120, 300)
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share(folder: Path, role: str, process: int) -> None:
    """Count in files from now on, so that others can add them up. Call it before anything imports prometheus_client,
    which makes up its mind then.

    `process` is the number of the process that the counting ones are forked from. Does nothing when somebody has
    chosen a folder, or when none can be made: then each process has its own counters.
    """
    if os.environ.get(VARIABLE) or "prometheus_client" in sys.modules:
        return
    own = folder / "metrics" / f"{role}-{socket.gethostname()}-{process}"
    try:
        own.mkdir(parents=True, exist_ok=True)
        forget(own.parent)
    except OSError:
        return
    os.environ[VARIABLE] = str(own)


def forget(folder: Path) -> None:
    """Delete what processes have left that went long ago."""
    for own in folder.iterdir():
        last = max((file.stat().st_mtime for file in own.glob("*.db")), default=own.stat().st_mtime)
        if last < time.time() - FORGOTTEN:
            shutil.rmtree(own, ignore_errors=True)


@cache
def _registry() -> Any:
    """Made late: prometheus_client looks once, when it is imported, whether to count in files."""
    from prometheus_client import CollectorRegistry

    return CollectorRegistry()


@cache
def _metrics() -> tuple[Any, Any, Any, Any]:
    from prometheus_client import Counter, Histogram

    registry = _registry()
    return (
        Counter("ihop_http_requests", "Requests answered.", ["area", "method", "status"], registry=registry),
        Histogram(
            "ihop_http_seconds", "Seconds from request to answer.", ["area"], registry=registry, buckets=WEB_BUCKETS
        ),
        Counter("ihop_tasks", "Tasks that ended.", ["task", "outcome"], registry=registry),
        Histogram("ihop_task_seconds", "Seconds a task ran.", ["task"], registry=registry, buckets=TASK_BUCKETS),
    )


@cache
def _request(area: str, method: str, status: str) -> tuple[Any, Any]:
    requests, seconds, _, _ = _metrics()
    return requests.labels(area, method, status), seconds.labels(area)


def count_request(area: str, method: str, status: int, seconds: float) -> None:
    """Count an answer. `area` comes from a fixed list, so that labels stay few."""
    number, took = _request(area, method if method in METHODS else "other", f"{status // 100}xx")
    number.inc()
    took.observe(seconds)


def count_task(task: str, outcome: str, seconds: float) -> None:
    """Count a task that ended; `outcome` is Celery's state in small letters, such as “success”."""
    _, _, tasks, took = _metrics()
    tasks.labels(task, outcome).inc()
    took.labels(task).observe(seconds)


def families() -> Iterable[Any]:
    """Everything counted, by all processes that can be seen, as prometheus_client's metrics."""
    own = os.environ.get(VARIABLE)
    if not own:
        _metrics()
        return _registry().collect()
    from prometheus_client.multiprocess import MultiProcessCollector

    merge: Any = MultiProcessCollector.merge  # untyped
    return merge(_files(Path(own)))


def _files(own: Path) -> list[str]:
    """Of all roles on this machine when the folder is one of ours, else of the folder somebody chose."""
    pattern = own.parent / "*" / "*.db" if own.parent.name == "metrics" else own / "*.db"
    return sorted(glob.glob(str(pattern)))
