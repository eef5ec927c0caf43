"""One scenario from its first task to its verdict."""

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.chaos.checking import Outcome, complaints
from benchmarks.chaos.events import EVENTS
from benchmarks.chaos.ground import ChaosGround
from benchmarks.chaos.plans import Plan
from benchmarks.chaos.scene import Scene
from benchmarks.runs import bring_to_an_end, read_reports, reasons, unknown
from benchmarks.simulators.control import HttpSimulator
from benchmarks.verdict import Verdict, compare

LONGEST = 150.0  # seconds for one scenario; some ten on a quiet machine
SLOW = {"smtp": "slow=0.1:0.02", "http": "slow=1:0.02"}  # so that something is under way whenever something strikes


@dataclass(frozen=True)
class Played:
    """A scenario and what came of it."""

    plan: Plan
    outcome: Outcome
    seconds: float
    people: int = 0
    because: dict[str, int] = field(default_factory=dict)  # why so many were in doubt
    notes: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)  # boundaries at which a worker was killed or frozen

    @property
    def complaints(self) -> list[str]:
        return complaints(self.outcome)

    def as_dict(self) -> dict[str, Any]:
        found = self.outcome
        return {
            "number": self.plan.number,
            "seed": self.plan.seed,
            "provider": self.plan.provider,
            "misbehave": self.plan.misbehave,
            "events": [f"{strike.moment}:{strike.event}" for strike in self.plan.strikes],
            "complaints": self.complaints,
            "people": self.people,
            **found.verdict.as_dict(),
            "lost_workers": found.lost_workers,
            "struck": dict(found.struck),
            "in_doubt": found.in_doubt,
            "because": self.because,
            "caught": self.caught,
            "never_asked": found.never_asked,
            "answers": dict(found.answers),
            "notes": self.notes,
            "seconds": round(self.seconds, 1),
        }


def play(ground: ChaosGround, plan: Plan, *, deadline: float) -> Played:
    """Play a scenario; what it has not come to before the deadline (of `time.monotonic`) counts against it."""
    began = time.monotonic()
    until = min(began + LONGEST, deadline)
    ground.use(plan.provider)
    ground.reset()
    misbehave = f"{SLOW[plan.provider]},{plan.misbehave}"
    with ground.simulator(misbehave=misbehave, seed=plan.seed + plan.number) as simulator:
        scene = Scene(ground, simulator, plan)
        try:
            outcome, because = _play(scene, until)
        finally:
            for console in scene.consoles:
                if not console.is_over:
                    console.kill()
    return Played(plan, outcome, time.monotonic() - began, scene.entitled, because, scene.notes, scene.caught)


def _play(scene: Scene, until: float) -> tuple[Outcome, dict[str, int]]:
    ground, simulator = scene.ground, scene.simulator
    ground.command("send_issue", ground.period)
    ground.hand_over()
    for strike in scene.plan.strikes:
        scene.reach(strike.moment, until)
        ground.replace_workers()
        scene.note(f"{strike.event} at {simulator.accepted().total()} messages")
        EVENTS[strike.event](scene)
    ground.replace_workers()
    scene.note("nothing more strikes")
    bring_to_an_end(ground, until)
    scene.note("nothing is left to send")
    for console in scene.consoles:
        if not console.ends_within(max(1.0, until - time.monotonic())):
            scene.complain("the operator's own sending did not end")
    in_doubt, because = unknown(), reasons()
    never_asked = _settle(scene, until) if isinstance(simulator, HttpSimulator) else 0
    _close(scene)
    scene.note("the end")
    outcome = Outcome(
        verdict=_judge(scene),
        lost_workers=scene.lost_workers,
        struck=simulator.struck(),
        in_doubt=in_doubt,
        never_asked=never_asked,
        gone=_gone(),
        reports=isinstance(simulator, HttpSimulator),
        sealed=_seal(scene),
        mailed_after_leaving=_mailed_after_leaving(scene),
        answers=scene.answers,
        complaints=scene.complaints,
    )
    return outcome, because


def _settle(scene: Scene, until: float) -> int:
    """Have the provider report, twice and backwards, and decide about what it has never heard of, until nothing is
    unknown. Returns how many those were."""
    simulator, ground = scene.simulator, scene.ground
    assert isinstance(simulator, HttpSimulator)
    scene.answers += Counter(simulator.send_events(ground.webhook, reversed=True))
    read_reports(until)
    never_asked = unknown()
    while unknown() > _gone() and time.monotonic() < until:
        reason = "the provider has never heard of them"
        ground.command("decide", ground.period, "--send-again", "--reason", reason)
        bring_to_an_end(ground, until)
        if unknown() > _gone():
            scene.answers += Counter(simulator.send_events(ground.webhook))
            read_reports(until)
    return never_asked


def _gone() -> int:
    """How many deliveries are unknown of people who have been erased meanwhile: those stay listed."""
    from newsletter.models import Delivery

    return Delivery.objects.filter(state=Delivery.State.UNKNOWN, member=None).count()


def _close(scene: Scene) -> None:
    """See to it that a mailing with nothing left is closed: whoever ended its last delivery may have been killed."""
    from newsletter.models import Mailing

    if Mailing.objects.filter(state=Mailing.State.PAUSED).exists():
        scene.ground.command("resume_issue", scene.ground.period)
    scene.ground.command("recover")


def _judge(scene: Scene) -> Verdict:
    """Lay the ledger on what the provider counted; addresses are those from before the send."""
    from newsletter.certificate import certify
    from newsletter.models import Delivery

    certificate = certify(scene.issue())
    states = Delivery.objects.filter(issue__period=scene.ground.period).values_list("pk", "state")
    verdict = compare(
        frozen=certificate.frozen,
        ends=[(state, scene.addresses[pk]) for pk, state in states],
        accepted=scene.simulator.accepted(),
        bounced=scene.simulator.bounced(),
    )
    return replace(verdict, balanced=verdict.balanced and certificate.balanced)


def _seal(scene: Scene) -> bool | None:
    from newsletter.certificate import verify

    return verify(scene.issue()).sealed


def _mailed_after_leaving(scene: Scene) -> list[int]:
    """Deliveries that were not to be mailed any more, and were handed over all the same."""
    from newsletter.models import Delivery

    handed = [Delivery.State.SENDING, Delivery.State.SENT, Delivery.State.FAILED, Delivery.State.UNKNOWN]
    mailed = Delivery.objects.filter(pk__in=scene.ended, state__in=handed)
    return list(mailed.values_list("pk", flat=True))
