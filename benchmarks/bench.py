"""`make bench`: how fast the sending engine is, as tables and as one JSON object on the last line.

PostgreSQL is started for it; mail goes to Debian's smtp-sink or to our simulator on this machine. Ratios compare what
was measured in turn in this run (A, B, A, B, …; the median of the pairs): they hold on other machines too, rates do
not. `--million` adds a run of 1,000,000 members (some ten minutes); `--write` renews docs/performance.md.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import performance
from benchmarks.own_services import own_postgres
from benchmarks.pairs import PAIRS
from benchmarks.sinks import smtp_sink


def measure(folder: Path, ports: tuple[int, int], options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Measure everything, in an installation that the environment describes."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, connections
    from django.utils import timezone

    from benchmarks import growth, ratios
    from benchmarks.figures import EDITIONS, approved_issue, make_entries
    from benchmarks.population import populate
    from newsletter.freezing import freeze
    from newsletter.models import Mailing

    call_command("migrate", verbosity=0)
    make_entries()
    populate(options.members, audiences=EDITIONS)
    issue = approved_issue()
    freeze(issue)
    Mailing.objects.filter(issue=issue).update(state=Mailing.State.SENDING, started_at=timezone.now())
    issue.refresh_from_db()
    size = len(ratios.prepared_messages(issue, 1)[0])
    console.print(f"A message has {size / 1000:.0f} KB; {options.members} members, {EDITIONS} editions.")
    comparisons = [ratios.merging(issue, pairs=options.pairs)]
    console.print(f"{comparisons[-1].name}: {comparisons[-1].ratio:.1f}")
    comparisons += ratios.sending(issue, ports, folder, pairs=options.pairs)
    ratios.rewind(issue)
    comparisons += ratios.calling(issue, pairs=options.pairs)
    console.print(table(comparisons))
    sizes = [10_000, 100_000, *([1_000_000] if options.million else [])]
    grown = growth.grow(issue, sizes) if not options.quick else []
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
    connections.close_all()
    return {
        "message_kb": round(size / 1000),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "postgresql": version,
        "comparisons": [one.as_dict() for one in comparisons],
        "growth": grown,
    }


def table(comparisons: list[Any]) -> Table:
    shown = Table(title="Ratios", title_justify="left")
    shown.add_column("A ÷ B")
    for name in ("A", "B", "Ratio", "Wanted"):
        shown.add_column(name, justify="right")
    for one in comparisons:
        shown.add_row(one.name, f"{one.a:,.0f} {one.unit}", f"{one.b:,.0f}", f"{one.ratio:.2f}", f"{one.wanted:g}")
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=6000, help="of the runs that are compared")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--quick", action="store_true", help="the ratios only, not the growth")
    parser.add_argument("--million", action="store_true", help="send to 1,000,000 members, too")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md and its picture")
    options = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ihop-bench-")))
        postgres = stack.enter_context(own_postgres())
        (sink, port), (_, other) = stack.enter_context(smtp_sink()), stack.enter_context(smtp_sink())
        os.environ |= {
            "VAR_DIR": str(folder),
            "DATABASE_URL": postgres.url(),
            "EMAIL_PROVIDER": "smtp",
            "EMAIL_URL": f"smtp://127.0.0.1:{port}",
            "SEND_LEASE_SECONDS": "300",
        }
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
        result = {"sink": sink, **measure(folder, (port, other), options, console)}
    if options.write:
        performance.write(result)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
