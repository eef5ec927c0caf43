"""A nursery of Celery workers: a process in which everything is imported already, and which forks one when asked.

`celery worker` takes three seconds of a processor to start, and chaos needs a hundred of them. What is forked is the
service's own application; only that each worker claims less at a time: 1,000 rows would give the whole of a small list
to one worker, and the others nothing to do.
"""

import ctypes
import json
import multiprocessing
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.ground import READY
from benchmarks.own_services import wait_for
from benchmarks.simulators.control import ROOT

BATCH = 50  # rows claimed at a time


class Nursery:
    """The nursery, seen from outside. Ended by its id; its workers are ended apart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.chaos.nursery"],
                cwd=ROOT,
                env=os.environ | {"LOG_LEVEL": "INFO"},  # so that they say when they are ready
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def worker(self, name: str) -> "Forked":
        """Start a worker. The first waits until everything is imported."""
        assert self._process.stdin
        assert self._process.stdout
        log = self.folder / f"{name}.log"
        log.touch()
        self._process.stdin.write(json.dumps({"name": name, "log": str(log)}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"no worker could be started: {(self.folder / 'nursery.log').read_text()[-500:]}")
        return Forked(name, log, int(line))

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Forked:
    """One worker, by a handle that cannot mistake another process for it."""

    def __init__(self, name: str, log: Path, pid: int) -> None:
        self.name, self._log = name, log
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            raise RuntimeError(f"{name} has ended: {log.read_text(errors='replace')[-500:]}") from None

    @property
    def is_over(self) -> bool:
        return self.ends_within(0)

    def send(self, number: int) -> None:
        if not self.is_over:
            signal.pidfd_send_signal(self._handle, number)

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end; False when it takes longer."""
        return bool(select.select([self._handle], [], [], seconds)[0])

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.ends_within(10)

    def wait(self) -> None:
        """Return once it takes tasks. Raises TimeoutError, or RuntimeError when it has ended instead."""
        wait_for(lambda: self.is_over or READY in self._log.read_text(errors="replace"), f"starting {self.name}", 60)
        if self.is_over:
            raise RuntimeError(f"{self.name} has ended: {self._log.read_text(errors='replace')[-500:]}")


def main() -> None:
    import django

    from config.celery import app

    django.setup()
    app.loader.import_default_modules()
    app.finalize()
    from newsletter import draining, sending, stopping

    assert sending  # imported now, not after the fork
    draining.BATCH = BATCH
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is reaped at once
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Made before the fork it would be shared: to ask one worker to end would be to ask them all.
            stopping._asked = multiprocessing.RawValue(ctypes.c_bool, False)
            _work(app, **order)
        print(pid, flush=True)


def _work(app: Any, name: str, log: str) -> None:
    """Be a worker, with one task at a time in its own process. PostgreSQL knows its connections by its name."""
    os.environ["PGAPPNAME"] = name
    with open(log, "ab") as out, open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    app.worker_main(
        ["worker", "--pool", "solo", "--loglevel", "info", "-n", f"{name}@own", "--without-gossip", "--without-mingle"]
    )
    os._exit(0)


if __name__ == "__main__":
    main()
