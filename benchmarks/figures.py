"""`python -m benchmarks.figures`: what must not grow when rendering and sending, as one JSON object on the last line.

Sends one issue to 10,000 sample members in 40 editions, through SMTP to our simulator. DATABASE_URL chooses the
database (SQLite in a temporary folder by default). How fast it is, `benchmarks/bench.py` says.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

APPROVER = "bench@example.org"
EDITIONS = 40
ITEMS = 17  # in each: a message of some 42 KB
MEMORY_ALLOWED = 30  # MB above the start


def memory() -> float:
    """Resident memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def sink(folder: Path) -> Iterator[tuple[int, Path]]:
    """A sink of its own process; yields its port and the file in which it leaves its counts."""
    report = folder / "sink.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.simulators.smtp", "--report", str(report)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield int(process.stdout.readline()), report
    finally:
        process.terminate()
        process.wait(timeout=10)


def prepare(members: int) -> Any:
    """A site with 40 entries of last month, each for one sector in one region, and members in those 40 audiences."""
    from django.core.management import call_command

    from membership.sample_members import make_members

    call_command("migrate", verbosity=0)
    make_entries()
    make_members(members, audiences=EDITIONS)
    return approved_issue()


def make_entries() -> None:
    """So many entries that each audience gets one of its own, and the others that everybody gets."""
    from cms.models import Region, Sector
    from newsletter.models import NewsletterSettings

    sectors, regions = list(Sector.objects.all()), list(Region.objects.all())
    for number in range(EDITIONS):
        page = _entry(number)
        page.sectors.set([sectors[number % len(sectors)]])
        page.regions.set([regions[number // len(sectors)]])
        page.save()
    for number in range(ITEMS - 1):
        _entry(EDITIONS + number)
    chosen = NewsletterSettings.load()
    chosen.items_per_edition = ITEMS
    chosen.announce_since = _period().first_day
    chosen.save()


def _entry(number: int) -> Any:
    from cms.models import Resource
    from cms.site import directory_page

    published = _period().cutoff - timedelta(days=5)
    return directory_page().add_child(
        instance=Resource(
            title=f"A resource with a title of usual length, number {number}",
            slug=f"bench-{number}",
            summary="Two sentences that say what a reader gets from it. They are as long as summaries usually are.",
            first_published_at=published,
            last_published_at=published,
        )
    )


def _period() -> Any:
    from django.utils import timezone

    from newsletter.periods import Period

    return Period.containing(timezone.localdate()).previous


def approved_issue() -> Any:
    """Last month's issue, compiled and approved."""
    from membership.models import User
    from newsletter.approving import approve
    from newsletter.compiling import compile_issue

    issue = compile_issue(_period()).issue
    assert issue
    return approve(issue, by=User.objects.create_superuser(APPROVER, None))


def measure(issue: Any) -> dict[str, Any]:
    """Freeze and send, watching renders, statements and memory."""
    from django.db import connection

    from newsletter import draining, rendering, sending
    from newsletter.certificate import certify
    from newsletter.freezing import freeze
    from newsletter.ledger import claim

    renders, compile_mjml = [], rendering.compile_mjml
    rendering.compile_mjml = lambda source: renders.append(1) or compile_mjml(source)  # type: ignore[func-returns-value]
    began = time.perf_counter()
    frozen = freeze(issue).frozen
    freeze_seconds = time.perf_counter() - began

    statements: list[int] = [0]
    batches: list[int] = []
    peak, start_memory = [memory()], memory()

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements[-1] += 1
        return execute(sql, params, many, context)

    def counted_claim(**arguments: Any) -> Any:
        rows = claim(**arguments)
        batches.append(len(rows))
        statements.append(0)
        peak.append(memory())
        return rows

    draining.ledger.claim = counted_claim
    began = time.perf_counter()
    with connection.execute_wrapper(count):
        sending.start(issue)
        sending.drain_to_the_end(issue)
    seconds = time.perf_counter() - began
    full = [made for made, rows in zip(statements[1:], batches, strict=False) if rows == draining.BATCH]
    return {
        "database": connection.vendor,
        "members": frozen,
        "editions": issue.editions.count(),
        "renders": len(renders),
        "freeze_seconds": round(freeze_seconds, 2),
        "send_seconds": round(seconds, 2),
        "messages_per_second": round(frozen / seconds),
        # Statements from one claim to the next; the first batch also builds the skeletons of the editions it meets.
        "queries_per_batch": full[1:-1],
        "memory_start_mb": round(start_memory, 1),
        "memory_peak_mb": round(max(peak), 1),
        "memory_growth_mb": round(max(peak) - start_memory, 1),
        "certificate": certify(issue).as_dict(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ihop-bench-") as name:
        folder = Path(name)
        with sink(folder) as (port, report):
            os.environ |= {"VAR_DIR": name, "EMAIL_PROVIDER": "smtp", "EMAIL_URL": f"smtp://127.0.0.1:{port}"}
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
            import django

            django.setup()
            figures = measure(prepare(options.members))
        counts = json.loads(report.read_text())
    figures["memory_flat"] = figures["memory_growth_mb"] <= MEMORY_ALLOWED
    figures["queries_constant"] = len(set(figures["queries_per_batch"])) == 1
    counts.pop(APPROVER, None)  # who is told that the issue has been sent
    figures["received"] = sum(counts.values())
    figures["received_twice"] = sum(count > 1 for count in counts.values())
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
