"""Starting a simulator as a process of its own, asking it what it has accepted, and ending it."""

import http.client
import json
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


class Simulator:
    """A running simulator. Ended by its process id when the context is left."""

    module = ""

    def __init__(self, *, port: int = 0, misbehave: str = "", seed: int = 0, more: tuple[str, ...] = ()) -> None:
        options = ["--port", str(port), "--misbehave", misbehave, "--seed", str(seed), *more]
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def reached(self, total: int, seconds: float) -> bool:
        """Wait until so many messages have been accepted; False when that does not happen in time."""
        raise NotImplementedError

    def accepted(self) -> Counter[str]:
        """How many messages each recipient got so far."""
        raise NotImplementedError

    def struck(self) -> Counter[str]:
        """How many messages each fault has struck so far."""
        raise NotImplementedError

    def bounced(self) -> set[str]:
        """Whom the provider accepted a message for and then could not deliver it to, or never took one for."""
        return set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class SmtpSimulator(Simulator):
    module = "benchmarks.simulators.smtp"

    def reached(self, total: int, seconds: float) -> bool:
        try:
            return bool(self._ask(f"XWAIT {total}", seconds))
        except TimeoutError:
            return False

    def accepted(self) -> Counter[str]:
        return Counter(json.loads(self._ask("XCOUNTS", 10)))

    def struck(self) -> Counter[str]:
        return Counter(json.loads(self._ask("XSTRUCK", 10)))

    def _ask(self, command: str, seconds: float) -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            replies = connection.makefile("rb")
            replies.readline()
            connection.sendall(command.encode() + b"\r\n")
            return replies.readline().decode().strip()[4:]


class HttpSimulator(Simulator):
    module = "benchmarks.simulators.http"

    def reached(self, total: int, seconds: float) -> bool:
        try:
            return bool(self.ask("GET", f"/simulator/wait?accepted={total}", seconds=seconds))
        except TimeoutError:
            return False

    def accepted(self) -> Counter[str]:
        return Counter(self.counts()["accepted"])

    def struck(self) -> Counter[str]:
        return Counter(self.counts()["struck"])

    def bounced(self) -> set[str]:
        return set(self.counts()["refused"])

    def counts(self) -> dict[str, Any]:
        return self.ask("GET", "/simulator/counts")

    def send_events(
        self, to: str, *, times: int = 1, reversed: bool = False, most: int | None = None
    ) -> dict[str, int]:
        """Have it report on every message (or the latest so many) to a webhook; returns how often each status was
        answered."""
        order = {"to": to, "times": times, "reversed": reversed, "most": most}
        answered: dict[str, int] = self.ask("POST", "/simulator/events", order, seconds=60)["answered"]
        return answered

    def ask(self, method: str, path: str, content: Any = None, *, seconds: float = 10) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, json.dumps(content))
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()
