"""`python -m benchmarks.load`: an issue to 100,000 members goes out while 200 visitors read the hub. JSON, last line.

PostgreSQL, Redis, gunicorn, a Celery worker and the scheduler run as in production, on services of their own; mail goes
to a sink on this machine. The worker's memory is sampled each second, and how long visitors wait is measured while the
send runs, at `--rate` messages a second (a provider that takes more at once is rare). Ends with 1 when the 95th
percentile is over 300 ms, a page fails, memory grows, the certificate does not add up, or the send was over before the
visits: then they were not measured beside it.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.ground import Process, Worker
from benchmarks.own_services import Postgres, answers, free_port, own_postgres, own_redis, wait_for
from benchmarks.production_site import ROOT, production_environment
from benchmarks.sinks import smtp_sink

P95 = 300  # milliseconds
GROWTH = 25.0  # MB that the worker's memory may grow from a fifth of the send to its end: caches of what comes late
ENTRIES = 2000
BARS = "▁▂▃▄▅▆▇█"


def prepare(members: int) -> Any:
    """A hub of 2,000 entries, so many members in 40 audiences, and an approved issue. Returns the issue."""
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.figures import EDITIONS, approved_issue, make_entries
    from benchmarks.population import populate
    from cms import sample_content

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    sample_content.load_pages()
    make_entries()
    populate(members, audiences=EDITIONS)
    issue = approved_issue()
    sample_content.make_entries(ENTRIES)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return issue


class Meter:
    """What a send costs, from now on: seconds of processors, and bytes that PostgreSQL writes and keeps.

    Where people visit meanwhile, PostgreSQL's seconds are theirs, too.
    """

    def __init__(self, worker: int, postgres: int) -> None:
        self.worker, self.postgres = worker, postgres
        self.before = self._now()

    def read(self) -> dict[str, float]:
        now = self._now()
        return {name: round(now[name] - before, 1) for name, before in self.before.items()} | self._kept()

    def _now(self) -> dict[str, float]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT wal_bytes FROM pg_stat_wal")
            written = float(cursor.fetchone()[0])
        return {
            "worker_cpu_s": processor_seconds(self.worker),
            "postgres_cpu_s": processor_seconds(self.postgres, with_children=True),
            "wal_mb": written / 1e6,
        }

    def _kept(self) -> dict[str, float]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size('newsletter_delivery'), count(*) FROM newsletter_delivery")
            size, rows = cursor.fetchone()
            cursor.execute("SELECT avg(length(html) + length(text)) FROM newsletter_edition")
            message = cursor.fetchone()[0]
        return {"ledger_bytes_per_row": round(size / max(1, rows)), "message_bytes": round(message or 0)}


def processor_seconds(pid: int, *, with_children: bool = False) -> float:
    """Seconds a process has had a processor for; with those of its children, the dead ones too."""
    fields = _stat(pid)
    ticks = sum(fields[11:15] if with_children else fields[11:13])
    if with_children:
        for path in Path("/proc").glob("[0-9]*"):
            try:
                child = _stat(int(path.name))
            except OSError:  # it has ended meanwhile
                continue
            if child[1] == pid:
                ticks += sum(child[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[int]:
    """The fields of a process's line in /proc behind its name; the first, a letter, is 0."""
    return [0, *map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1:])]


def pages() -> list[str]:
    """Paths as often as they are asked for: searches most of all, entries, the home page, and what else there is."""
    from benchmarks.directory import searches
    from cms.models import Entry

    chance = random.Random(7)
    entries = [entry.url for entry in Entry.objects.live().exclude(kind="case_study").order_by("pk")[:400]]
    found = [f"/directory/?{words}" for words in chance.sample(searches(chance), 120)]
    return [
        *found,
        *chance.sample(entries, 90),
        *["/"] * 45,
        *["/directory/"] * 20,
        *["/e-news/", "/join/", "/submit/", "/contact/", "/feeds/directory/"] * 3,
    ]


def run(options: argparse.Namespace, folder: Path, web: int, postgres: Postgres, console: Console) -> dict[str, Any]:
    """Send while people visit. Django is set up, and the environment is that of `environment`."""
    from django.core.management import call_command

    from newsletter.certificate import certify

    issue = prepare(options.members)
    paths = pages()
    with ExitStack() as stack:
        gunicorn = ["-m", "gunicorn", "-c", "config/gunicorn.conf.py", "config.wsgi", "--bind", f"127.0.0.1:{web}"]
        gunicorn += ["--workers", "2", "--threads", "4"]
        processes = [
            Process("web", gunicorn, folder),
            worker := Worker("worker", folder),
            Process("beat", ["-m", "celery", "-A", "config", "beat"], folder),
        ]
        for process in processes:
            stack.callback(_end, process)
        wait_for(lambda: answers(web), "starting gunicorn")
        worker.wait()
        for path in paths[::9]:  # templates are compiled and pages cached once, not for the measurement
            _visit(web, [path], visitors=1, seconds=0.1, pause=0.01)
        call_command("send_issue", issue.period, "--json", stdout=open(os.devnull, "w"))  # noqa: SIM115
        console.print(
            f"Sending to {options.members:,} members, {options.rate:g} a second; load {os.getloadavg()[0]:.1f}"
        )
        meter = Meter(worker.pid, postgres.pid)
        samples, visits = _watch(worker, web, paths, options, console)
        certificate, cost = certify(issue), meter.read()
    return {
        "members": options.members,
        "rate": options.rate,
        "load_average": round(os.getloadavg()[1], 1),  # of five minutes: about 3 on two cores is this run itself
        "certificate": {"frozen": certificate.frozen, "sent": certificate.states["sent"], "proved": certificate.proved},
        "send_seconds": round(samples[-1][0], 1),
        "memory_mb": [round(memory, 1) for _, memory, _ in samples],
        "memory_growth_mb": _growth([memory for _, memory, _ in samples]),
        "cost": cost,
        "visits": visits,
    }


def _watch(
    worker: Worker, web: int, paths: list[str], options: argparse.Namespace, console: Console
) -> tuple[list[tuple[float, float, int]], dict[str, Any]]:
    """Sample the worker each second until nothing is left to send; meanwhile people visit. Returns samples of
    (second, MB, messages left), and what the visitors met."""
    from newsletter.models import Delivery

    began, samples, visiting = time.monotonic(), [], None
    while True:
        second, left = time.monotonic() - began, Delivery.objects.unfinished().count()
        samples.append((second, _resident(worker.pid), left))
        if second > 5 and visiting is None and options.visitors:
            visiting = _visitors(web, paths, options.visitors, options.seconds, options.pause)
        if not left or second > options.longest:
            break
        time.sleep(1)
    console.print(f"Memory of the worker, MB: {_drawn([memory for _, memory, _ in samples])}")
    if not visiting:
        return samples, {}
    sending_throughout = visiting.poll() is not None
    if not sending_throughout:
        console.print("[red]The send was over before the visits were: lower --rate or --seconds.[/]")
    found = json.loads(visiting.communicate(timeout=60)[0])
    return samples, found | {"sending_throughout": sending_throughout}


def _visitors(web: int, paths: list[str], visitors: int, seconds: float, pause: float) -> "subprocess.Popen[str]":
    options = ["--visitors", str(visitors), "--seconds", str(seconds), "--pause", str(pause)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.visitors", f"http://127.0.0.1:{web}", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write("\n".join(paths))
    process.stdin.close()
    process.stdin = None
    return process


def _visit(web: int, paths: list[str], *, visitors: int, seconds: float, pause: float) -> None:
    _visitors(web, paths, visitors, seconds, pause).communicate(timeout=60)


def _resident(pid: int) -> float:
    """Resident memory of a process, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _growth(memory: list[float]) -> float:
    """From a fifth of the send, when everything has been met once, to its end."""
    return round(memory[-1] - memory[len(memory) // 5], 1)


def _drawn(values: list[float]) -> str:
    """A line of bars from 0 to the greatest, at most 60 wide."""
    some = values[:: max(1, len(values) // 60)]
    top = max(values)
    return "".join(BARS[min(7, int(value / top * 8))] for value in some) + f"  {some[0]:.0f} → {values[-1]:.0f}"


def _end(process: Process) -> None:
    process.send(signal.SIGTERM)
    if not process.ends_within(30):
        process.kill()


def is_good(found: dict[str, Any]) -> bool:
    visits, flat = found["visits"], found["memory_growth_mb"] <= GROWTH
    served = not visits or (visits["statuses"].get("200", 0) == visits["requests"] > 0 and visits["p95_ms"] < P95)
    beside = not visits or visits["sending_throughout"]
    return bool(served and beside and flat and found["certificate"]["proved"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=500, help="messages a second (0 = as fast as it goes)")
    parser.add_argument("--visitors", type=int, default=200, help="0 = the send alone: what it costs")
    parser.add_argument("--seconds", type=float, default=90, help="that people visit")
    parser.add_argument("--pause", type=float, default=8, help="seconds that somebody looks at a page, on average")
    parser.add_argument("--longest", type=float, default=900, help="seconds after which it gives up")
    options = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    web = free_port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ihop-load-", ignore_cleanup_errors=True)))
        postgres, redis = stack.enter_context(own_postgres()), stack.enter_context(own_redis())
        sink, mail = stack.enter_context(smtp_sink())
        os.environ |= production_environment(
            str(folder),
            postgres.url(),
            web,
            CELERY_BROKER_URL=f"{redis.url}/0",
            CACHE_URL=f"{redis.url}/1",
            EMAIL_PROVIDER="smtp",
            EMAIL_URL=f"smtp://127.0.0.1:{mail}",
            SEND_RATE_PER_SECOND=f"{options.rate:g}",
        )
        import django

        django.setup()
        found = {"sink": sink, **run(options, folder, web, postgres, console)}
        from django.db import connections

        connections.close_all()
    if visits := found["visits"]:
        waited = f"half of them within {visits['p50_ms']} ms, 95 % within {visits['p95_ms']} ms"
        console.print(
            f"{visits['requests']} pages to {visits['visitors']} visitors, {visits['per_second']}/s: {waited}"
        )
    print(json.dumps(found))
    return 0 if is_good(found) else 1


if __name__ == "__main__":
    sys.exit(main())
