"""`python -m benchmarks.kills`: is anybody mailed twice, or lost, when workers are killed? JSON, last line.

`--provider smtp`: so many runs, each killing one or both of two workers with SIGKILL at a moment that its seed
chooses. `--provider http`: one such run under each misbehaviour of the HTTP simulator (or those of `--misbehave`),
then the provider's events, until nothing is unknown. PostgreSQL and Redis are started for it and ended after it.
"""

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.ground import prepared_ground
from benchmarks.runs import killed_run

IN_DOUBT = 50  # deliveries a killed process may leave in doubt
MEMBERS = {"smtp": 2000, "http": 400}  # over SMTP, more than one worker claims at a time: both have work
# The share of calls that go wrong, and for how many seconds where it takes time.
MISBEHAVIOURS = (
    "4xx=0.03",
    "429=0.03",
    "5xx=0.1",
    "5xx-after=0.1",
    "hang=0.03:4",
    "hang-after=0.03:4",
    "reset-before=0.1",
    "reset-after=0.1",
    "drop-reply=0.1",
    "rubbish=0.1",
    "partial=0.1",
    "slow=0.5:0.3",
)


def is_good(run: dict[str, Any], provider: str) -> bool:
    """Whether a run kept the promise: nobody twice, nobody lost, and no more in doubt than may be."""
    left = run["unknown"] == 0 if provider == "http" else run["unknown"] <= IN_DOUBT * run["killed"]
    wrong = run["duplicates"] or run["lost"] or run["mistaken"]
    return bool(left and not wrong and run["balanced"] and run["finished"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="seeds, for SMTP")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--provider", choices=["smtp", "http"], default="smtp")
    parser.add_argument("--misbehave", action="append", metavar="NAME=PROBABILITY[:SECONDS]")
    parser.add_argument("--members", type=int, help="default 2,000 for SMTP, 400 for HTTP")
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    options = parser.parse_args()
    console = Console(stderr=True, quiet=options.json)
    misbehaviours = options.misbehave or (MISBEHAVIOURS if options.provider == "http" else [""] * options.runs)
    console.print("Preparing an installation with its own PostgreSQL and Redis …")
    runs = []
    members = options.members or MEMBERS[options.provider]
    with prepared_ground(options.provider, members=members, serve=options.provider == "http") as ground:
        seeds = enumerate(misbehaviours, start=options.first_seed)
        for seed, misbehave in track(list(seeds), "Killing", console=console, disable=options.json):
            runs.append(killed_run(ground, seed=seed, misbehave=misbehave))
            console.print(_line(runs[-1], options.provider))
    good = sum(is_good(run, options.provider) for run in runs)
    print(json.dumps({"provider": options.provider, "good": good, "runs": runs}))
    return 0 if good == len(runs) else 1


def _line(run: dict[str, Any], provider: str) -> str:
    mark = "[green]good[/]" if is_good(run, provider) else "[red]bad[/]"
    return (
        f"{mark} seed {run['seed']} {run['misbehave']}: {run['killed']} killed at {run['at_the_kill']} of "
        f"{run['people']}, {run['duplicates']} twice, {run['lost']} lost, {run['in_doubt']} in doubt, "
        f"{run['unknown']} unknown at the end, {run['seconds']} s"
    )


if __name__ == "__main__":
    sys.exit(main())
