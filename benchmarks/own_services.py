"""A PostgreSQL cluster and a Redis server of one's own, on free ports: restarted at will and gone at the end."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

PATIENCE = 30.0  # seconds for a service to answer, or to end
WAYS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}  # of ending PostgreSQL; the latter is as good as a crash


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether anything listens on this port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what: Callable[[], bool], doing: str, seconds: float = PATIENCE) -> None:
    """Wait until something is so. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise TimeoutError(f"{doing} took longer than {seconds:.0f} seconds")
        time.sleep(0.02)


class Service:
    """One server process, with a folder of its own."""

    def __init__(self, folder: Path, command: Sequence[str], **how: Any) -> None:
        self.folder, self._command, self._how = folder, command, how
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it answers. Raises TimeoutError, with what it said."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True, **self._how)
        try:
            wait_for(self.is_ready, "starting " + Path(self._command[0]).name)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {(self.folder / 'log').read_text()[-500:]}") from None

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal and return once it has ended."""
        if self._process:
            self._process.send_signal(number)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(PATIENCE)
        self._process = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def is_ready(self) -> bool:
        raise NotImplementedError


class Postgres(Service):
    """A cluster with everything on that makes it survive a crash (fsync is)."""

    def __init__(self, folder: Path, binaries: Path, **how: Any) -> None:
        self.port = free_port()
        options = [
            "-p",
            str(self.port),
            "-k",
            str(folder),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "shared_buffers=512MB",
        ]
        super().__init__(folder, [str(binaries / "postgres"), "-D", str(folder / "data"), *options], **how)

    def url(self, database: str = "postgres") -> str:
        return f"postgres://owner@127.0.0.1:{self.port}/{database}"

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def restart(self, way: str = "fast") -> None:
        """End it in one of WAYS, and start it again."""
        self.stop(WAYS[way])
        self.start()

    def execute(self, *statements: str) -> None:
        """Run statements outside of any transaction, such as CREATE DATABASE."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


class Redis(Service):
    """A server that keeps nothing on disk."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.port = free_port()
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__(folder, [binary, *options, "--dir", str(folder)])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        return answers(self.port)


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """Make a cluster and start it. As root it runs as the user postgres, for PostgreSQL refuses to run as root."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    if not binaries:
        raise FileNotFoundError("PostgreSQL's binaries are missing: install Debian's package postgresql.")
    who = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    how: dict[str, Any] = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    with _folder("ihop-postgres-", who) as folder:
        making = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "owner", "-A", "trust"]
        making += ["-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(making, check=True, capture_output=True, cwd=folder, **how)
        postgres = Postgres(folder, binaries, cwd=folder, **how)
        with _running(postgres, WAYS["immediate"]):
            yield postgres


@contextmanager
def own_redis() -> Iterator[Redis]:
    """Start a Redis server."""
    binary = shutil.which("redis-server")
    if not binary:
        raise FileNotFoundError("redis-server is missing: install Debian's package redis-server.")
    with _folder("ihop-redis-") as folder, _running(redis := Redis(folder, binary)):
        yield redis


@contextmanager
def _running(service: Service, ending: int = signal.SIGTERM) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(service.stop, ending)
        service.start()
        yield


@contextmanager
def _folder(prefix: str, owner: pwd.struct_passwd | None = None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        if owner:
            os.chown(name, owner.pw_uid, owner.pw_gid)
        yield Path(name)
