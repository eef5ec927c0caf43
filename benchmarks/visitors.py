"""`python -m benchmarks.visitors ADDRESS`: people who read the hub at once, each page after a pause; one line of JSON.

Paths come on standard input, one a line, as often as they are to be chosen. A visitor asks for a page on a connection
of its own, reads it to its end, and looks at it for a while before the next, as long as an exponential draw says.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from urllib.parse import urlsplit

LONGEST = 30.0  # seconds for one answer


async def ask(host: str, port: int, path: str) -> tuple[int, int]:
    """Fetch a page as a proxy would hand it on. Returns the status and the size; 0 when there was no answer."""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\nAccept: text/html\r\n"
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"{head}Accept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer[9:12] or 0), len(answer)


async def visit(
    options: argparse.Namespace, paths: list[str], number: int, took: dict[str, list[float]]
) -> Counter[str]:
    """Be one visitor until the time is over. Returns how often each status came."""
    parts, chance = urlsplit(options.address), random.Random(f"{options.seed}/{number}")
    until, statuses = time.monotonic() + options.seconds, Counter[str]()
    await asyncio.sleep(chance.uniform(0, options.pause))
    while time.monotonic() < until:
        path, began = chance.choice(paths), time.perf_counter()
        try:
            status, _ = await asyncio.wait_for(ask(parts.hostname or "", parts.port or 80, path), LONGEST)
        except (OSError, TimeoutError, ValueError):
            status = 0
        took[_kind(path)].append((time.perf_counter() - began) * 1000)
        statuses[str(status)] += 1
        if status != 200:
            statuses[f"{status} {path}"] += 1
        await asyncio.sleep(chance.expovariate(1 / options.pause))
    return statuses


def _kind(path: str) -> str:
    """The first part of the path; searches apart from the page they begin on."""
    first = path.split("/")[1]
    return f"{first}?" if "?" in path else f"{first}/…" if path.count("/") > 2 else first or "home"


def percentile(values: list[float], share: float) -> int:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))]) if ordered else 0


def summary(values: list[float]) -> dict[str, int]:
    return {
        "requests": len(values),
        "p50_ms": percentile(values, 0.5),
        "p95_ms": percentile(values, 0.95),
        "max_ms": percentile(values, 1),
    }


async def everybody(options: argparse.Namespace, paths: list[str]) -> dict[str, object]:
    took: dict[str, list[float]] = defaultdict(list)
    began = time.monotonic()
    each = await asyncio.gather(*(visit(options, paths, number, took) for number in range(options.visitors)))
    statuses = sum(each, Counter[str]())
    every = [value for values in took.values() for value in values]
    return {
        "visitors": options.visitors,
        **summary(every),
        "per_second": round(len(every) / (time.monotonic() - began), 1),
        "statuses": dict(statuses),
        "pages": {kind: summary(values) for kind, values in sorted(took.items())},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=8.0, help="seconds that a page is looked at, on average")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(everybody(options, sys.stdin.read().split()))))


if __name__ == "__main__":
    main()
