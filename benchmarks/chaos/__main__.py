"""`python -m benchmarks.chaos`: sends struck by several things at once; is anybody mailed twice, or lost?

Twenty scenarios, each dealt by seed and number from all that can go wrong: workers killed at the ledger's boundaries or
frozen until their lease is over, a provider that misbehaves, services that go down, people who leave meanwhile, reports
that come early, forged or fifty times. Each is judged against what the provider counted. PostgreSQL, Redis, the site
and the workers are started for it and ended after it. Ends with 1 when anything was not kept, the time was over, or a
whole series never came to something that it was to try.
"""

import argparse
import json
import logging
import sys
import time
from collections import Counter
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.chaos.checking import never_tried
from benchmarks.chaos.ground import MEMBERS, ChaosGround
from benchmarks.chaos.plans import SCENARIOS, plan
from benchmarks.chaos.playing import Played, play
from benchmarks.ground import prepared_ground

MINUTES = 10.0


def main() -> int:
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the series")
    parser.add_argument("--only", type=int, action="append", metavar="NUMBER", help="may be given several times")
    parser.add_argument("--scenarios", type=int, default=SCENARIOS)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after which it stops, which is a failure")
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    options = parser.parse_args()
    console = Console(stderr=options.json, quiet=options.json)
    logging.disable(logging.CRITICAL)  # what goes wrong is wanted
    plans = [plan(options.seed, number) for number in options.only or range(1, options.scenarios + 1)]
    deadline = began + options.minutes * 60
    console.print("Preparing an installation with its own PostgreSQL and Redis …")
    played: list[Played] = []
    with prepared_ground(plans[0].provider, members=MEMBERS, kind=ChaosGround, serve=True) as ground:
        for one in track(plans, "Striking", console=console, disable=options.json):
            if time.monotonic() > deadline:
                break
            played.append(play(ground, one, deadline=deadline))
            console.print(_line(played[-1]), highlight=False)
            for complaint in played[-1].complaints:
                console.print(f"[red]Scenario {one.number}: {complaint}.[/] Repeat it: {one.command}", highlight=False)
    missing = len(plans) - len(played)
    if missing:
        console.print(f"[red]The time was over before {missing} of {len(plans)} scenarios.[/]")
    good = sum(not one.complaints for one in played)
    seconds = round(time.monotonic() - began, 1)
    console.print(_table(played))
    struck = _struck(played)
    console.print("Messages struck by the provider: " + ", ".join(f"{name} {struck[name]}" for name in sorted(struck)))
    untried = _never_tried(played) if not options.only and len(played) >= SCENARIOS else []
    for what in untried:
        console.print(f"[red]In the whole series {what}.[/]", highlight=False)
    console.print(f"{good} of {len(plans)} scenarios kept everything, in {seconds:.0f} seconds.")
    if options.json:
        print(json.dumps(_result(played, good=good, missing=missing, untried=untried, seconds=seconds)))
    return 0 if good == len(plans) and not untried else 1


def _line(played: Played) -> str:
    found, plan = played.outcome, played.plan
    mark = "[red]bad[/]" if played.complaints else "[green]good[/]"
    struck = f"{plan.provider}, {', '.join(plan.events)}; {plan.misbehave}"
    counts = f"{found.lost_workers} killed, {found.in_doubt} in doubt, {found.verdict.unknown} unknown at the end"
    return f"{mark} scenario {plan.number} in {played.seconds:.0f} s: {struck}: {counts}"


def _result(played: list[Played], **more: Any) -> dict[str, Any]:
    return {**more, "struck": _struck(played), "scenarios": [one.as_dict() for one in played]}


def _never_tried(played: list[Played]) -> list[str]:
    providers = {one.plan.provider for one in played}
    ours = {provider: [one for one in played if one.plan.provider == provider] for provider in providers}
    planned = {provider: {fault for one in own for fault in one.plan.faults} for provider, own in ours.items()}
    struck = {provider: _struck(own) for provider, own in ours.items()}
    return never_tried(planned, struck, [boundary for one in played for boundary in one.caught])


def _struck(played: list[Played]) -> Counter[str]:
    struck: Counter[str] = Counter()
    for one in played:
        struck.update(one.outcome.struck)
    return struck


def _table(played: list[Played]) -> Table:
    table = Table(title="What came of it", title_justify="left")
    table.add_column("")
    table.add_column("by")
    for name in ("sent", "skipped", "failed", "twice", "lost", "killed", "in doubt", "unknown", "seconds"):
        table.add_column(name, justify="right")
    for one in played:
        verdict, found = one.outcome.verdict, one.outcome
        ends = [verdict.sent, verdict.skipped, verdict.failed, verdict.duplicates, verdict.lost]
        numbers = [*ends, found.lost_workers, found.in_doubt, verdict.unknown, round(one.seconds)]
        mark = f"[{'red' if one.complaints else 'green'}]{one.plan.number}[/]"
        table.add_row(mark, one.plan.provider, *map(str, numbers))
    return table


if __name__ == "__main__":
    sys.exit(main())
