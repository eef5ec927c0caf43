"""What a scenario works with while it is played: the ground, the provider, and notes of what was done to them."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from benchmarks.chaos.nursery import Forked
from benchmarks.chaos.plans import Plan
from benchmarks.ground import SIGNING_KEY, Ground, Process
from benchmarks.runs import left_over
from benchmarks.simulators.control import Simulator
from benchmarks.simulators.events import Trace, tell
from benchmarks.simulators.shapes import Parcel

STUCK = 12.0  # seconds without the next moment coming: then the event strikes all the same


class Scene:
    def __init__(self, ground: Ground, simulator: Simulator, plan: Plan) -> None:
        from newsletter.models import Delivery

        self.ground, self.simulator, self.plan = ground, simulator, plan
        self.chance = Random(f"{plan.seed}/{plan.number}/played")
        self.consoles: list[Process] = []
        self.lost_workers = 0  # killed, or as good as that: each may leave one group in doubt
        self.answers: Counter[str] = Counter()  # of the webhook to true reports
        self.ended: set[int] = set()  # deliveries that must not be mailed any more
        self.began = time.monotonic()
        self.notes: list[str] = []
        self.caught: list[str] = []  # boundaries at which a worker was killed or frozen
        self.complaints: list[str] = []
        # Whoever is erased meanwhile is still known to us.
        people = Delivery.objects.filter(issue__period=ground.period).order_by("pk")
        self.addresses: dict[int, str] = dict(people.values_list("pk", "member__user__email"))
        self.entitled = left_over()

    def note(self, words: str) -> None:
        """Say what happened, and when."""
        self.notes.append(f"{time.monotonic() - self.began:.1f}: {words}")

    def complain(self, words: str) -> None:
        """Say that something did not happen as it must."""
        self.complaints.append(words)

    def issue(self) -> Any:
        from newsletter.models import Issue

        return Issue.objects.get(period=self.ground.period)

    def kill(self, worker: Forked) -> None:
        worker.kill()
        self.lost_workers += 1

    def tick(self) -> None:
        """Do what the scheduler does each minute, and what keeps processes running."""
        self.ground.replace_workers()
        self.ground.command("recover")
        self.ground.hand_over()

    def reach(self, share: float, until: float) -> None:
        """Return when such a share of the messages has been accepted, or when nothing moves any more."""
        wanted, stuck = int(share * self.entitled), min(until, time.monotonic() + STUCK)
        while not self.simulator.reached(wanted, 1.0):
            if time.monotonic() > stuck or not left_over():
                self.note(f"never came to {wanted} messages")
                return
            self.tick()

    def some_members(self, number: int) -> list[Any]:
        """Subscriptions of people whom the issue is still to reach."""
        from membership.models import Subscription

        waiting = Subscription.objects.filter(member__deliveries__in=self._unfinished()).select_related("member__user")
        found = list(waiting.order_by("pk"))
        return self.chance.sample(found, min(number, len(found)))

    def end_for(self, number: int, end: Callable[[Any], object]) -> None:
        """Do something to some members after which they must not be mailed, and note whom that still holds for."""
        from django.db import connection, transaction

        from newsletter.models import Delivery

        people = self.some_members(number)
        theirs = Delivery.objects.filter(issue__period=self.ground.period, member__in=[one.member_id for one in people])
        pks = list(theirs.values_list("pk", flat=True))
        for subscription in people:
            end(subscription)
        with transaction.atomic(), connection.cursor() as cursor:
            # Marks that began before the end have been made once we hold this; whoever is not marked by now is safe.
            cursor.execute("LOCK TABLE newsletter_delivery IN SHARE MODE")
            safe = Delivery.objects.filter(pk__in=pks, state__in=["pending", "claimed", "retry_wait"])
            self.ended |= set(safe.values_list("pk", flat=True))

    def expect_answer(self, body: bytes, status: int) -> None:
        """Post something to the webhook, and complain unless it is answered so."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ground.web_port, timeout=10)
        try:
            connection.request("POST", "/webhooks/mailgun/tracking/", body, {"Content-Type": "application/json"})
            answer = connection.getresponse().status
        except OSError as error:
            answer = 0
            self.note(f"the webhook did not answer: {type(error).__name__}")
        finally:
            connection.close()
        if answer != status:
            self.complain(f"a report was answered {answer}, not {status}")

    def reports_of_nothing(self) -> Iterator[bytes]:
        """Signed reports about deliveries and messages that do not exist."""
        nothing = [{"delivery": "999999999"}, {}, {"delivery": "not a number"}]
        traces = [
            Trace(Parcel(f"nobody{place}@example.org", variables, []), f"<{place}@nowhere.example.org>", "bounced")
            for place, variables in enumerate(nothing)
        ]
        for story in tell(traces, key=SIGNING_KEY):
            for report in story:
                yield json.dumps(report).encode()

    def _unfinished(self) -> Any:
        from newsletter.models import Delivery

        return Delivery.objects.filter(issue__period=self.ground.period).unfinished()
