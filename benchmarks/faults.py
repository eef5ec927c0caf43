"""`python -m benchmarks.faults`: what surrounds the sending fails or repeats itself, half-way through. JSON, last line.

Each fault strikes a send by two workers to the SMTP simulator, on PostgreSQL and Redis started for it.
"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.ground import Ground, prepared_ground
from benchmarks.runs import end, faulty_run, left_over, start, unknown
from benchmarks.simulators.control import Simulator

HALF_WAY = 500  # messages accepted when the fault strikes


def redis_flushed(ground: Ground, simulator: Simulator) -> dict[str, Any]:
    """The broker loses everything."""
    start(ground, simulator, accepted=HALF_WAY)
    ground.empty_broker()
    return {}


def redis_restarted(ground: Ground, simulator: Simulator) -> dict[str, Any]:
    """The broker is gone for a moment, and comes back empty."""
    start(ground, simulator, accepted=HALF_WAY)
    ground.redis.stop()
    ground.redis.start()
    return {}


def postgres_restarted(ground: Ground, simulator: Simulator) -> dict[str, Any]:
    """The database goes down as in a crash, and comes back."""
    start(ground, simulator, accepted=HALF_WAY)
    ground.postgres.restart("immediate")
    ground.disconnect()  # our own connection went with it
    return {}


def worker_stopped(ground: Ground, simulator: Simulator) -> dict[str, Any]:
    """A deployment ends both workers, and starts others."""
    start(ground, simulator, accepted=HALF_WAY)
    stopped = end(ground)
    in_hand, left = _in_hand(), left_over()
    ground.replace_workers()
    return {
        "drained_in_time": all(stopped),
        "in_hand_afterwards": in_hand,
        "left_to_others": left,
        "in_doubt": unknown(),
    }


def sent_twice_at_once(ground: Ground, simulator: Simulator) -> dict[str, Any]:
    """Two operators send the same issue at the same time."""
    consoles = [ground.console("send_issue", ground.period, "--wait", "--json") for _ in range(2)]
    return {"ended_well": all(console.ends_within(40) and console.code == 0 for console in consoles)}


def task_delivered_three_times(ground: Ground, simulator: Simulator) -> dict[str, Any]:
    """The broker brings the same task three times, the last when the others have begun."""
    ground.command("send_issue", ground.period)
    ground.hand_over(times=1)
    simulator.reached(HALF_WAY, 15)
    ground.hand_over(times=1)
    return {}


FAULTS: dict[str, Callable[[Ground, Simulator], dict[str, Any]]] = {
    fault.__name__: fault
    for fault in (
        redis_flushed,
        redis_restarted,
        postgres_restarted,
        worker_stopped,
        sent_twice_at_once,
        task_delivered_three_times,
    )
}


def _in_hand() -> int:
    """How many deliveries a worker holds."""
    from newsletter.models import Delivery

    return Delivery.objects.filter(state__in=[Delivery.State.CLAIMED, Delivery.State.SENDING]).count()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=FAULTS, action="append", help="may be given several times")
    parser.add_argument("--members", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    options = parser.parse_args()
    console = Console(stderr=True, quiet=options.json)
    console.print("Preparing an installation with its own PostgreSQL and Redis …")
    found: dict[str, Any] = {}
    with prepared_ground("smtp", members=options.members) as ground:
        for name in track(options.only or list(FAULTS), "Failing", console=console, disable=options.json):
            found[name] = faulty_run(ground, FAULTS[name])
            console.print(f"{name}: {found[name]}")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
