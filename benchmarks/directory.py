"""`python -m benchmarks.directory`: how long a search of the directory takes as entries become more, as one JSON object
on the last line.

Works in a PostgreSQL database of its own, made on this machine's server and dropped at the end. At each size, 200
searches are made through Django's test client as an anonymous reader: words, facets, several values of a facet, orders,
pages and typing errors, the same ones (seeded) at every size.

`p95_ms` is what a reader waits. `work_p95_ms` is the processor time of the search itself, here and in its PostgreSQL
process: what the wait would be with a core to itself, so that figures of a busy machine can be read at all.
"""

import argparse
import json
import logging
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.production_site import own_database

SIZES = (2_000, 5_000, 10_000, 20_000)
SEARCHES = 200
WORDS = ["visits", "family", "children", "babies", "school", "grant", "court", "parents", "reading", "play", "mother"]
PHRASES = [
    "family visits",
    '"first visit"',
    "mental health",
    "young people",
    "visits -court",
    "north east",
    "grandparents",
]
TYPOS = ["vists", "famly support", "grandparants", "hleath", "xylophone"]
FULL = "q=family&kind=service&kind=resource&sector=health&region=london&topic=visits&age=under-3&reader=families"


def searches(dice: random.Random) -> list[str]:
    """Query strings as people make them: most with words, half with facets, a few with everything."""
    from cms.directory import load_vocabulary

    vocabulary = load_vocabulary()
    made = [FULL] * 10
    while len(made) < SEARCHES:
        words = dice.choices(["", dice.choice(WORDS), dice.choice(PHRASES), dice.choice(TYPOS)], [3, 4, 2, 1])[0]
        pairs = [("q", words)] if words else []
        for name, _, choices in dice.sample(list(vocabulary), dice.choice([0, 0, 1, 1, 2, 3])):
            pairs += [(name, value) for value, _ in dice.sample(choices, dice.choice([1, 1, 2]))]
        if dice.random() < 0.2:
            pairs.append(("sort", dice.choice(["newest", "title", "date"])))
        if dice.random() < 0.15:
            pairs.append(("page", str(dice.choice([2, 3, 10]))))
        made.append(urlencode(pairs))
    dice.shuffle(made)
    return made


def worked(backend: int) -> float:
    """Seconds that this process and a PostgreSQL process have had a core for (Linux; else of this process alone)."""
    try:
        nanoseconds = int(Path(f"/proc/{backend}/schedstat").read_text().split()[0])
    except OSError:
        nanoseconds = 0
    return time.process_time() + nanoseconds / 1e9


def measure(addresses: list[str]) -> dict[str, Any]:
    """Milliseconds of whole requests, and their queries."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    browser = Client()
    for address in addresses[:20]:
        browser.get(f"/directory/?{address}")
    backend = connection.connection.info.backend_pid
    took, work = [], []
    for address in addresses:
        began, worked_before = time.perf_counter(), worked(backend)
        response = browser.get(f"/directory/?{address}")
        took.append((time.perf_counter() - began) * 1000)
        work.append((worked(backend) - worked_before) * 1000)
        assert response.status_code == 200, address
    with CaptureQueriesContext(connection) as captured:
        browser.get(f"/directory/?{FULL}")
    most = 0
    for address in addresses:
        with CaptureQueriesContext(connection) as each:
            browser.get(f"/directory/?{address}")
        most = max(most, len(each))
    took.sort()
    work.sort()
    return {
        "queries_with_all_facets": len(captured),
        "queries_at_most": most,
        "p50_ms": round(statistics.median(took)),
        "p95_ms": round(took[int(len(took) * 0.95)]),
        "max_ms": round(took[-1]),
        "work_p50_ms": round(statistics.median(work)),
        "work_p95_ms": round(work[int(len(work) * 0.95)]),
    }


def run(sizes: list[int]) -> list[dict[str, Any]]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection, connections

    from cms.sample_content import make_entries

    settings.ALLOWED_HOSTS = ["testserver", *settings.ALLOWED_HOSTS]
    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    addresses, rows, there = searches(random.Random(7)), [], 0
    for size in sizes:
        began = time.perf_counter()
        make_entries(size - there)
        made = time.perf_counter() - began
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        rows.append({"entries": size, "made_in_s": round(made), **measure(addresses)})
        there = size
        print(json.dumps(rows[-1]), file=sys.stderr)
    connections.close_all()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="entries, growing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ihop-bench-") as folder, own_database(f"ihop_bench_{os.getpid()}") as url:
        os.environ |= {"VAR_DIR": str(Path(folder)), "DATABASE_URL": url}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
        rows = run(options.sizes)
    print(
        json.dumps(
            {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg(), "sizes": rows}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
