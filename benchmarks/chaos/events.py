"""What strikes a send, each event as a function of the scene. Names are those of `plans.py`."""

import signal
import time
from collections.abc import Callable
from typing import Any

from benchmarks.chaos.catching import caught_at
from benchmarks.chaos.nursery import Forked
from benchmarks.chaos.scene import Scene
from benchmarks.simulators.control import HttpSimulator

TOUCHED = 12  # people whom an event concerns
REVIVED_WITHIN = 12.0  # seconds in which the lease of a frozen worker is over and swept
BODY = b'{"signature": {"token": "x", "timestamp": "1", "signature": "forged"}, "event-data": {"event": "failed"}}'

Event = Callable[[Scene], None]
EVENTS: dict[str, Event] = {}


def event(strike: Event) -> Event:
    EVENTS[strike.__name__] = strike
    return strike


# --- Forkeds --------------------------------------------------------------------------------------


def _killed_at(boundary: str, *, counts: bool) -> Event:
    def strike(scene: Scene) -> None:
        if caught_at(boundary, scene.ground, scene.kill, counts=counts):
            scene.caught.append(boundary)
        else:
            scene.note(f"nobody came to the {boundary}")
            _kill_some(scene, 1)

    return strike


for _boundary in ("claim", "mark", "record"):
    EVENTS[f"killed_before_its_{_boundary}"] = _killed_at(_boundary, counts=False)
    EVENTS[f"killed_after_its_{_boundary}"] = _killed_at(_boundary, counts=True)


@event
def killed_handing_over(scene: Scene) -> None:
    _kill_some(scene, 1)


@event
def two_killed_at_once(scene: Scene) -> None:
    _kill_some(scene, 2)


def _kill_some(scene: Scene, number: int) -> None:
    """Kill workers that hold something, or any if none does."""
    running = [one for one in scene.ground.workers if not one.is_over]
    for worker in scene.chance.sample(running, min(number, len(running))):
        scene.kill(worker)


@event
def frozen_and_revived(scene: Scene) -> None:
    """A worker stands still with results in its hands until its lease is over; then it goes on as if nothing were."""

    def freeze(worker: Forked) -> None:
        worker.send(signal.SIGSTOP)

    worker = caught_at("record", scene.ground, freeze, counts=scene.chance.random() < 0.5)
    if worker:
        scene.caught.append("record")
    else:
        scene.note("nobody came to the record")
        worker = scene.chance.choice([one for one in scene.ground.workers if not one.is_over])
        freeze(worker)
    scene.lost_workers += 1  # to the others it is as good as dead
    until = time.monotonic() + scene.ground.lease[scene.ground.provider] + 0.5
    while time.monotonic() < until:
        scene.tick()
        time.sleep(0.5)
    scene.tick()
    worker.send(signal.SIGCONT)


@event
def deployed(scene: Scene) -> None:
    """Every worker is asked to end; others are started."""
    for worker in scene.ground.workers:
        worker.send(signal.SIGTERM)
    for worker in scene.ground.workers:
        if not worker.ends_within(10):
            scene.complain(f"{worker.name} did not end within ten seconds of being asked to")
            scene.kill(worker)


# --- Services and tasks ---------------------------------------------------------------------------


@event
def broker_emptied(scene: Scene) -> None:
    scene.ground.empty_broker()


@event
def broker_restarted(scene: Scene) -> None:
    scene.ground.redis.stop()
    scene.ground.redis.start()


@event
def database_restarted(scene: Scene) -> None:
    scene.ground.postgres.restart("fast")
    scene.ground.disconnect()


@event
def database_crashed(scene: Scene) -> None:
    scene.ground.postgres.restart("immediate")
    scene.ground.disconnect()
    scene.lost_workers += len(scene.ground.workers)  # the last results of each may be gone (ADR 5)


@event
def task_five_times(scene: Scene) -> None:
    scene.ground.hand_over(times=5)


@event
def operator_sends_too(scene: Scene) -> None:
    scene.consoles.append(scene.ground.console("send_issue", scene.ground.period, "--wait", "--json"))


# --- People, whose choice counts from now on ------------------------------------------------------


@event
def members_leave(scene: Scene) -> None:
    from membership.models import ConsentRecord
    from membership.services import unsubscribe

    def leave(subscription: Any) -> None:
        unsubscribe(subscription=subscription, channel=ConsentRecord.Channel.PREFERENCES)

    scene.end_for(TOUCHED, leave)


@event
def members_pause(scene: Scene) -> None:
    from membership.services import pause

    scene.end_for(TOUCHED, lambda subscription: pause(subscription=subscription))


@event
def members_erased(scene: Scene) -> None:
    from membership.erasing import erase

    scene.end_for(TOUCHED, lambda subscription: erase(subscription.member.user, tell=False))


@event
def members_suppressed(scene: Scene) -> None:
    from membership.models import Suppression
    from membership.services import suppress

    def bounce(subscription: Any) -> None:
        suppress(address_hash=subscription.member.user.address_hash, reason=Suppression.Reason.BOUNCED)

    scene.end_for(TOUCHED, bounce)


@event
def members_choose_anew(scene: Scene) -> None:
    """Others sectors and tracking: what was frozen for them stays."""
    from cms.models import Sector
    from membership.services import change_preferences

    sectors = list(Sector.objects.all())
    for subscription in scene.some_members(TOUCHED):
        change_preferences(
            subscription=subscription,
            sectors=scene.chance.sample(sectors, 2),
            region=None,
            kinds=["event"],
            track_opens=True,
            track_clicks=True,
        )


# --- Editors and operators ------------------------------------------------------------------------


@event
def issue_paused(scene: Scene) -> None:
    from newsletter.compiling import IssueError
    from newsletter.steering import pause, resume

    try:
        pause(scene.issue(), by=None, reason="chaos")
        time.sleep(1.5)
        resume(scene.issue(), by=None)
    except IssueError as error:  # it has been sent already, or something else has paused it
        scene.note(str(error))


@event
def issue_edited(scene: Scene) -> None:
    """The words change in the page: those that were frozen stay as they are."""
    issue = scene.issue()
    issue.introduction = "Somebody edited this while it was being sent."
    issue.save_revision().publish()


@event
def entry_edited(scene: Scene) -> None:
    item = scene.issue().items.exclude(page=None).first()
    page = item.page.specific
    page.summary = "Somebody edited this while it was being sent."
    page.save_revision().publish()


# --- The provider's reports -----------------------------------------------------------------------


def _reported(scene: Scene, **how: Any) -> None:
    assert isinstance(scene.simulator, HttpSimulator)
    for status, count in scene.simulator.send_events(scene.ground.webhook, **how).items():
        scene.answers[status] += count


@event
def reports_early(scene: Scene) -> None:
    """About the latest messages: those that workers have not recorded yet."""
    _reported(scene, most=60)


@event
def reports_fifty_fold(scene: Scene) -> None:
    _reported(scene, times=50, most=3)


@event
def reports_reversed(scene: Scene) -> None:
    _reported(scene, reversed=True, most=60)


@event
def reports_forged(scene: Scene) -> None:
    scene.expect_answer(BODY, 400)


@event
def reports_unknown(scene: Scene) -> None:
    """Signed as they should be, about messages that nobody has sent."""
    for body in scene.reports_of_nothing():
        scene.expect_answer(body, 200)


@event
def reports_huge(scene: Scene) -> None:
    scene.expect_answer(b'{"event-data": "' + b"x" * (1 << 20) + b'"}', 413)
