"""One run: send the frozen issue while something goes wrong, bring it to its end, and count what came of it.

The simulator counts what each recipient got, the ledger says how each delivery ended; `judge` lays one on the other.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from benchmarks.ground import Ground
from benchmarks.simulators.control import HttpSimulator, Simulator
from benchmarks.verdict import Verdict, compare

LONGEST = 150.0  # seconds for one run; some thirty on a quiet machine
REACHED_WITHIN = 15.0  # seconds for the moment at which something goes wrong; refusals may keep it from coming
SLOW = {"smtp": "slow=0.1:0.02", "http": "slow=1:0.02"}  # so that a send lasts long enough to be struck half-way


def judge(ground: Ground, simulator: Simulator) -> Verdict:
    """Compare the ledger with what the simulator accepted."""
    from newsletter.certificate import certify
    from newsletter.models import Delivery, Issue

    issue = Issue.objects.get(period=ground.period)
    certificate = certify(issue)
    ends = Delivery.objects.filter(issue=issue).values_list("state", "member__user__email")
    verdict = compare(frozen=certificate.frozen, ends=ends, accepted=simulator.accepted(), bounced=simulator.bounced())
    return replace(verdict, balanced=verdict.balanced and certificate.balanced)


def left_over() -> int:
    """How many deliveries have not come to an end."""
    from newsletter.models import Delivery

    return Delivery.objects.unfinished().count()


def unknown() -> int:
    """How many deliveries nobody can prove either way."""
    from newsletter.models import Delivery

    return Delivery.objects.filter(state=Delivery.State.UNKNOWN).count()


def reasons() -> dict[str, int]:
    """Why deliveries are unknown, and how many each."""
    from newsletter.models import Delivery

    return dict(Counter(Delivery.objects.filter(state=Delivery.State.UNKNOWN).values_list("reason", flat=True)))


def entitled() -> int:
    """How many people are to get the issue."""
    from newsletter.models import Delivery

    return Delivery.objects.filter(state=Delivery.State.PENDING).count()


def bring_to_an_end(ground: Ground, until: float) -> int:
    """Do what the scheduler and an operator do until nothing is left to send. Returns how often sending was resumed.

    Time is helped along: whoever waits to be tried again has waited long enough, and so has a provider that asked
    for less.
    """
    from django.utils import timezone

    from newsletter.models import Delivery, Mailing, Throttle

    resumed = 0
    while time.monotonic() < until:
        ground.command("recover")
        if not left_over():
            break
        if Mailing.objects.filter(state=Mailing.State.PAUSED).exists():
            ground.command("resume_issue", ground.period)
            resumed += 1
        due = timezone.now() + timedelta(seconds=5)
        Delivery.objects.filter(state=Delivery.State.RETRY_WAIT, next_attempt_at__gt=due).update(next_attempt_at=due)
        Throttle.objects.filter(hold_until__lt=time.time()).update(rate=None)
        ground.hand_over()
        _wait_a_little(until)
    return resumed


def _wait_a_little(until: float) -> None:
    """Give the workers half a second, or less when that is enough."""
    until = min(until, time.monotonic() + 0.5)
    while time.monotonic() < until and left_over():
        time.sleep(0.1)


def killed_run(ground: Ground, *, seed: int, misbehave: str = "") -> dict[str, Any]:
    """Send, kill -9 one or both workers at a moment that the seed chooses, and bring it to its end.

    With an HTTP provider its events follow; what the provider has never heard of is then sent again by decision.
    """
    chance, began = Random(seed), time.monotonic()
    until = began + LONGEST
    ground.reset()
    with ground.simulator(misbehave=",".join(filter(None, [SLOW[ground.provider], misbehave])), seed=seed) as simulator:
        people = entitled()
        victims = chance.sample(range(len(ground.workers)), chance.randint(1, len(ground.workers)))
        moment, pause = chance.randrange(people), chance.uniform(0, 0.05)
        ground.command("send_issue", ground.period)
        ground.hand_over()
        simulator.reached(moment, REACHED_WITHIN)
        time.sleep(pause)
        for victim in victims:
            ground.workers[victim].kill()
        at_the_kill = simulator.accepted().total()
        ground.replace_workers()
        resumed = bring_to_an_end(ground, until)
        doubts: dict[str, Any] = {"in_doubt": unknown(), "because": reasons()}
        if isinstance(simulator, HttpSimulator):
            doubts |= _settle(ground, simulator, until)
        verdict = judge(ground, simulator)
    told = {"seed": seed, "misbehave": misbehave, "people": people, "moment": moment, "at_the_kill": at_the_kill}
    end = {"resumed": resumed, "seconds": round(time.monotonic() - began, 1)}
    return told | {"killed": len(victims)} | doubts | verdict.as_dict() | end


def _settle(ground: Ground, simulator: HttpSimulator, until: float) -> dict[str, Any]:
    """Have the provider report, and decide what it has never heard of, until nothing is unknown.

    Returns what the webhook answered to the reports, and how much the first of them left unknown.
    """
    answered: Counter[str] = Counter(simulator.send_events(ground.webhook, times=2, reversed=True))
    read_reports(until)
    never_asked = unknown()
    while unknown() and time.monotonic() < until:
        reason = "the provider has never heard of them"
        ground.command("decide", ground.period, "--send-again", "--reason", reason)
        bring_to_an_end(ground, until)
        if unknown():
            answered += Counter(simulator.send_events(ground.webhook))
            read_reports(until)
    return {"events": dict(answered), "never_asked": never_asked}


def read_reports(until: float) -> None:
    """Read what the webhooks have stored, beside the workers that were asked to."""
    from newsletter import intake

    while intake.waiting().exists() and time.monotonic() < until:
        intake.read_all()
        time.sleep(0.05)


def faulty_run(ground: Ground, strike: Callable[[Ground, Simulator], dict[str, Any]]) -> dict[str, Any]:
    """Start the workers on the issue, let `strike` do its worst, and bring it to its end."""
    began = time.monotonic()
    until = began + LONGEST
    ground.reset()
    with ground.simulator(misbehave=SLOW[ground.provider], seed=0) as simulator:
        found = strike(ground, simulator)
        bring_to_an_end(ground, until)
        return found | judge(ground, simulator).as_dict() | {"seconds": round(time.monotonic() - began, 1)}


def start(ground: Ground, simulator: Simulator, *, accepted: int) -> None:
    """Hand the issue to the workers, and return when so many messages have been accepted."""
    ground.command("send_issue", ground.period)
    ground.hand_over()
    if not simulator.reached(accepted, REACHED_WITHIN):
        raise TimeoutError("nothing was sent")


def end(ground: Ground, number: int = signal.SIGTERM, seconds: float = 5.0) -> Sequence[bool]:
    """Send every worker a signal; say of each whether it has ended in good order within so many seconds."""
    for worker in ground.workers:
        worker.send(number)
    return [worker.ends_within(seconds) and worker.code == 0 for worker in ground.workers]
