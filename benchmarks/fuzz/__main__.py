"""`python -m benchmarks.fuzz`: requests of every shape to every address; none may be answered with a 500.

Prints how many were made, what they were answered and which took longest. Ends with 1 when the program broke over one,
and says over which. The same seed makes the same requests.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.ground import INHERITED
from benchmarks.production_site import POSTGRES, own_database
from benchmarks.simulators.control import ROOT
from tests.schema import postgres_schema

REQUESTS, PROCESSES = 20_000, 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="ROUTE", help="one address, as its pattern in the URL conf")
    parser.add_argument("--minutes", type=float, default=15.0, help="after which it gives up")
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--process", type=int, help=argparse.SUPPRESS)  # a child of this program
    options = parser.parse_args()
    if options.process is not None:
        from benchmarks.fuzz.answering import main as answer

        answer(
            process=options.process,
            processes=options.processes,
            requests=options.requests,
            first_seed=options.seed,
            only=options.only,
        )
        return 0
    console = Console(quiet=options.json)
    console.print("Preparing a database …")
    began = time.monotonic()
    found = _run(sys.argv[1:], options, console)
    found["seconds"] = round(time.monotonic() - began, 1)
    _show(console, found)
    if options.json:
        print(json.dumps(found))
    return 1 if found["failures"] else 0


def _run(words: list[str], options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Have the processes ask, each on a database of its own, and add up what came back."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ihop-fuzz-", ignore_cleanup_errors=True)))
        name = f"ihop_fuzz_{uuid.uuid4().hex[:12]}"
        prepared = stack.enter_context(own_database(name, template=postgres_schema(f"{POSTGRES}/postgres")))
        for command in (["migrate", "-v0"], ["demo", "--members", "40", "--json"]):
            done = subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=_environment(prepared, folder),
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise RuntimeError(f"{command[0]} failed: {done.stderr[-1500:]}")
        console.print(f"Asking, in {options.processes} processes …")
        children = []
        for place in range(options.processes):
            database = stack.enter_context(own_database(f"{name}_{place}", template=name))
            log = stack.enter_context((folder / f"fuzz{place}.log").open("w+"))
            child = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.fuzz", *words, "--process", str(place)],
                cwd=ROOT,
                env=_environment(database, folder),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            stack.callback(child.kill)
            children.append((child, log))
        return _added([_answer(child, log, options.minutes * 60) for child, log in children])


def _answer(child: subprocess.Popen[str], log: Any, seconds: float) -> dict[str, Any]:
    said, _ = child.communicate(timeout=seconds)
    if child.returncode:
        log.seek(0)
        raise RuntimeError(f"a process has ended: {log.read()[-1500:]}")
    answer: dict[str, Any] = json.loads(said.splitlines()[-1])
    return answer


def _added(answers: list[dict[str, Any]]) -> dict[str, Any]:
    statuses: Counter[str] = Counter()
    failures: dict[str, str] = {}
    for one in answers:
        statuses.update(one["statuses"])
        failures |= one["failures"]
    slowest = sorted((pair for one in answers for pair in one["slowest"]), reverse=True)[:5]
    return {
        "requests": sum(one["requests"] for one in answers),
        "addresses": answers[0]["addresses"],
        "statuses": dict(statuses),
        "slowest": slowest,
        "failures": failures,
    }


def _show(console: Console, found: dict[str, Any]) -> None:
    statuses = ", ".join(f"{status} × {count}" for status, count in sorted(found["statuses"].items()))
    made = f"{found['requests']:,} requests to {found['addresses']} addresses in {found['seconds']:.0f} s"
    console.print(f"{made}: {statuses}")
    for seconds, words in found["slowest"]:
        console.print(f"  slowest: {seconds:.2f} s {words}", markup=False, highlight=False, soft_wrap=True)
    for trouble, words in found["failures"].items():
        console.print(f"BROKEN: {trouble}\n  by {words}", markup=False, highlight=False, style="red", soft_wrap=True)


def _environment(database: str, folder: Path) -> dict[str, str]:
    own = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return own | {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "VAR_DIR": str(folder),
        "DATABASE_URL": database,
        "CACHE_URL": "locmemcache://",
        "CELERY_BROKER_URL": "memory://",
        "ANYMAIL_WEBHOOK_SECRET": "fuzz:fuzz",
        "LOG_LEVEL": "CRITICAL",
        "PYTHONHASHSEED": "0",
    }


if __name__ == "__main__":
    sys.exit(main())
