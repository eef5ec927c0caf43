"""Processes that are measured: each waits for a line on its standard input, works, and answers with one line of JSON.

`python -m benchmarks.children sender`: drains the issue named by its period with the service's own sending.
`python -m benchmarks.children smtplib PORT FILE`: sends the prepared messages of FILE with the standard library.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from benchmarks.figures import memory

ROOT = Path(__file__).resolve().parents[1]
STEP = 20_000


class Child:
    """One of these processes, seen from outside. Ended by its id when the context is left."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.children", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()  # it is ready

    def ask(self, **order: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a measured process has ended: see what it wrote above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


def sender() -> None:
    import django

    django.setup()
    from django.db import connection

    from newsletter.models import Issue
    from newsletter.sending import drain

    say(ready=True)
    for line in sys.stdin:
        watch = Watch()
        issue = Issue.objects.get(period=json.loads(line)["issue"])
        began, cpu = time.perf_counter(), time.process_time()
        with connection.execute_wrapper(watch.statement):
            result = drain(issue, progress=watch.progress)
        say(
            finished=result.finished,
            trouble=result.trouble,
            seconds=time.perf_counter() - began,
            cpu=time.process_time() - cpu,
            statements=watch.statements,
            memory=memory(),
            memory_at=watch.memory_at,
        )


class Watch:
    """Counts statements, and notes the memory after every 20,000 recipients."""

    def __init__(self) -> None:
        self.statements = self.finished = 0
        self.memory_at: dict[int, float] = {}

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.statements += 1
        return execute(sql, params, many, context)

    def progress(self, steps: int) -> None:
        before, self.finished = self.finished, self.finished + steps
        if before // STEP != self.finished // STEP:
            self.memory_at[self.finished // STEP * STEP] = memory()


def plain_smtplib(port: int, file: Path) -> None:
    """The fastest that the standard library can do: messages made beforehand, one connection, sendmail."""
    import smtplib

    messages = [bytes.fromhex(line) for line in file.read_text().split()]
    say(ready=True)
    for line in sys.stdin:
        number = json.loads(line)["number"]
        began, cpu = time.perf_counter(), time.process_time()
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            for place in range(number):
                smtp.sendmail("news@example.org", f"member{place:06d}@example.org", messages[place % len(messages)])
        say(finished=number, seconds=time.perf_counter() - began, cpu=time.process_time() - cpu)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    if sys.argv[1] == "sender":
        sender()
    else:
        plain_smtplib(int(sys.argv[2]), Path(sys.argv[3]))
