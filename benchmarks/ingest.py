"""`python -m benchmarks.ingest`: what comes in, on PostgreSQL: provider events and clicks. JSON, last line.

Events a second are measured through the function that reads a batch, per second of this process's processor, and from
the webhook to the ledger. Clicks are measured beside a bare Django view on the same server, in turn (A, B, A, B, …):
the ratio holds on other machines too, rates do not. Ends with exit 1 below what is wanted.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from benchmarks.own_services import answers, free_port, wait_for
from benchmarks.production_site import BEHIND_PROXY, ROOT, own_database, production_environment

THREADS = 4  # of the client
WANTED_RATIO = 0.6  # clicks answered for each answer of the bare view
WANTED_EVENTS = 3000  # of providers, read in a second of one core
SECRET = "webhook:for-benchmarks"
BASIC = {"Authorization": "Basic " + base64.b64encode(SECRET.encode()).decode()}
PEOPLE = 2000  # whose clicks are followed
KINDS = ("processed", "delivered", "open")


def prepare(deliveries: int) -> tuple[list[int], list[str]]:
    """An issue that was sent. Returns its deliveries, and the tokens of people who agreed to clicks."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.models import F
    from django.utils import timezone

    from benchmarks.population import populate
    from membership.models import Member, Subscription
    from newsletter.compiling import archive_page
    from newsletter.models import Delivery, Edition, Issue, Link, Mailing
    from newsletter.tokens import delivery_token, token_hash

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)  # without it no production site starts
    call_command("demo", "--members", "1", "--no-send", "--json", stdout=open(os.devnull, "w"))  # noqa: SIM115
    populate(deliveries, audiences=40)
    Subscription.objects.update(track_clicks=True)
    Subscription.objects.annotate(half=F("pk") % 2).filter(half=0).update(track_opens=True)
    issue = archive_page().add_child(
        instance=Issue(title="Bench", subject="News", slug="2020-01", period="2020-01", live=True)
    )
    Mailing.objects.create(issue=issue, state="finished", frozen=deliveries, started_at=timezone.now())
    edition = Edition.objects.create(
        issue=issue, number=1, label="All", subject="News", html="", text="", content_hash="0" * 64
    )
    Link.objects.create(issue=issue, number=1, url="https://example.org/directory/")
    rows = [
        Delivery(issue=issue, edition=edition, state="sent", member_id=pk)
        for pk in Member.objects.values_list("pk", flat=True)
    ]
    tokens = [delivery_token(row.nonce) for row in rows]
    for row, token in zip(rows, tokens, strict=True):
        row.token_hash = token_hash(token)
    Delivery.objects.bulk_create(rows, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return list(Delivery.objects.filter(issue=issue).values_list("pk", flat=True)), tokens[:PEOPLE]


def sendgrid(deliveries: Sequence[int], size: int, total: int) -> list[bytes]:
    """Posts of so many events each."""
    run = uuid.uuid4().hex
    events = (
        {
            "email": f"member{number:07}@example.org",
            "timestamp": int(time.time()),
            "event": KINDS[number % len(KINDS)],
            "sg_event_id": f"{run}{number}",
            "smtp-id": "<14c5d75ce93.dfd.64b469@example.org>",
            "category": ["e-news"],
            "delivery": str(deliveries[number % len(deliveries)]),
            "issue": "2020-01",
        }
        for number in range(total)
    )
    every = list(events)
    return [json.dumps(every[start : start + size]).encode() for start in range(0, total, size)]


def reading(deliveries: Sequence[int], size: int, total: int) -> dict[str, float]:
    """Events a second through the function that reads batches: by the clock, and by this process's processor time."""
    from newsletter import intake
    from newsletter.models import RawReport

    RawReport.objects.all().delete()
    for body in sendgrid(deliveries, size, total):
        intake.keep(provider="sendgrid", body=body, headers={"content-type": "application/json"})
    began, cpu = time.perf_counter(), time.process_time()
    done = intake.read_all()
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    if done.reports != -(-total // size):
        raise RuntimeError(f"only {done} of {total}")
    return {"events_in_a_post": size, "per_second": round(total / seconds), "per_core_second": round(total / used)}


def end_to_end(port: int, deliveries: Sequence[int], size: int, total: int) -> dict[str, float]:
    """From the webhook to the ledger: posts to the site while this process reads what has come in."""
    from newsletter import intake

    posts = sendgrid(deliveries, size, total)
    queue, read = iter(posts), 0
    began = time.perf_counter()

    def ask(connection: HTTPConnection) -> bool:
        if (body := next(queue, None)) is None:
            return False
        headers = {**BEHIND_PROXY, **BASIC, "Content-Type": "application/json"}
        _answer(connection, "POST", "/webhooks/sendgrid/tracking/", 200, body, headers)
        return True

    load = threading.Thread(target=lambda: times.extend(_load(port, ask)))
    times: list[float] = []
    load.start()
    while read < len(posts) and time.perf_counter() - began < 120:
        done = intake.read_all()
        read += done.reports
        if not done.last:
            time.sleep(0.01)
    load.join()
    return {
        "events_in_a_post": size,
        "per_second": round(read * size / (time.perf_counter() - began)),
        "answer_ms_median": round(statistics.median(times) * 1000, 1),
        "answer_ms_p99": round(_p99(times) * 1000, 1),
    }


def clicks(port: int, tokens: Sequence[str], seconds: float, pairs: int) -> dict[str, float]:
    """Redirects a second beside a bare view, in turn."""
    rounds: list[tuple[float, float]] = []
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(pairs):
        a = _for(seconds / pairs, port, lambda turn: f"/l/{tokens[turn % len(tokens)]}/1")
        b = _for(seconds / pairs, port, lambda turn: "/bare/")
        rounds.append((len(a) / seconds * pairs, len(b) / seconds * pairs))
        ours += a
        bare += b
    return {
        "clicks_per_second": round(statistics.median(a for a, _ in rounds)),
        "bare_per_second": round(statistics.median(b for _, b in rounds)),
        "ratio": round(statistics.median(a / b for a, b in rounds), 2),
        "wanted": WANTED_RATIO,
        "click_ms_p99": round(_p99(ours) * 1000, 1),
        "bare_ms_p99": round(_p99(bare) * 1000, 1),
    }


def _for(seconds: float, port: int, address: Callable[[int], str]) -> list[float]:
    until, turns = time.perf_counter() + seconds, iter(range(10**9))

    def ask(connection: HTTPConnection) -> bool:
        _answer(connection, "GET", address(next(turns)), 302, None, BEHIND_PROXY)
        return time.perf_counter() < until

    return _load(port, ask)


def _load(port: int, ask: Callable[[HTTPConnection], bool]) -> list[float]:
    """Ask from a few threads, each over one kept connection, until each has had enough. Returns how long each took."""
    times: list[float] = []

    def work() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        more = True
        while more:
            began = time.perf_counter()
            more = ask(connection)
            times.append(time.perf_counter() - began)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def _answer(
    connection: HTTPConnection, method: str, address: str, status: int, body: bytes | None, headers: dict[str, str]
) -> None:
    connection.request(method, address, body, headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != status:
        raise RuntimeError(f"{address.split('/')[1]}: {answer.status}")


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


@contextmanager
def served() -> Iterator[int]:
    """gunicorn with one worker, on a free port."""
    port = free_port()
    arguments = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", str(THREADS), "--log-level", "error"]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", *arguments]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)  # a line for each request
    try:
        wait_for(lambda: answers(port), "starting gunicorn")
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def shortfalls(result: dict[str, Any]) -> list[str]:
    """What of the figures is below what is wanted, in words."""
    found = [
        f"{one['per_core_second']:,} events per core second, {one['events_in_a_post']:,} in a post, instead of "
        f"{WANTED_EVENTS:,}"
        for one in result.get("reading", [])
        if one["per_core_second"] < WANTED_EVENTS
    ]
    ratio = result["clicks"]["ratio"]
    if ratio < WANTED_RATIO:
        found.append(f"clicks at {ratio} of the bare view instead of {WANTED_RATIO}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=20_000, help="of each measurement")
    parser.add_argument("--seconds", type=float, default=30, help="of clicks, and as long again of the bare view")
    parser.add_argument("--clicks-only", action="store_true")
    parser.add_argument("--pairs", type=int, default=15)
    options = parser.parse_args()
    name = f"ihop_{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory() as folder, own_database(name) as database:
        os.environ |= production_environment(
            folder,
            database,
            free_port(),
            DJANGO_SETTINGS_MODULE="benchmarks.ingest_settings",
            CELERY_QUEUE=name,
            ANYMAIL_WEBHOOK_SECRET=SECRET,
            PYTHONWARNINGS="ignore",
        )
        import django

        django.setup()
        from django.db import connections

        deliveries, tokens = prepare(options.deliveries)
        result: dict[str, Any] = {"cores": os.cpu_count(), "load_at_start": round(os.getloadavg()[0], 1)}
        if not options.clicks_only:
            result["reading"] = [reading(deliveries, size, options.events) for size in (1, 100, 1000)]
        with served() as port:
            if not options.clicks_only:
                end_to_end(port, deliveries, 1, 20)  # the first requests load what the site is made of
                result["end_to_end"] = [
                    end_to_end(port, deliveries, size, total)
                    for size, total in ((1, options.events // 20), (100, options.events))
                ]
            result["clicks"] = clicks(port, tokens, options.seconds, options.pairs)
        connections.close_all()
    short = shortfalls(result)
    for line in short:
        print(f"Too slow: {line}.", file=sys.stderr)
    print(json.dumps(result | {"good": not short}))
    return int(bool(short))


if __name__ == "__main__":
    sys.exit(main())
