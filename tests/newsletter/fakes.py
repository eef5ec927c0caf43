"""A transport that only remembers, and ledgers to try it on."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from membership.models import Member, Subscription
from membership.sample_members import make_members
from newsletter import ledger
from newsletter.models import Delivery, Edition, Issue, Mailing
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT
from newsletter.transports.base import Outcome, Outgoing, Result, TransportUnavailable
from tests import factories

UNTIL_NOW = timedelta(seconds=1)


def accept(message: Outgoing) -> Outcome:
    return Outcome(message.delivery, Result.SENT, message_id=f"fake-{message.delivery}")


@dataclass
class RecordingTransport:
    """Implements `newsletter.transports.base.Transport`. `answer` decides what becomes of a message, and may raise;
    `taken` holds whatever the other side has, or may have, accepted."""

    answer: Callable[[Outgoing], Outcome] = accept
    down: str = ""  # why nothing can be sent at all
    taken: list[Outgoing] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)  # how many messages each group took
    name: str = "fake"
    closed: int = 0

    def check(self) -> None:
        if self.down:
            raise TransportUnavailable(self.down)

    def send(self, messages: Iterable[Outgoing]) -> Iterator[Outcome]:
        self.calls.append(0)
        for message in messages:
            self.calls[-1] += 1
            self.check()
            outcome = self.answer(message)
            if outcome.result in {Result.SENT, Result.UNKNOWN}:
                self.taken.append(message)
            yield outcome

    def close(self) -> None:
        self.closed += 1

    @property
    def recipients(self) -> list[str]:
        return [message.recipient for message in self.taken]


def always(result: Result, reason: str = "because", **more: object) -> Callable[[Outgoing], Outcome]:
    """An answer that is the same for everybody."""
    return lambda message: Outcome(message.delivery, result, reason, **more)


def after(accepted: int, then: Callable[[Outgoing], Outcome]) -> Callable[[Outgoing], Outcome]:
    """Accept so many messages, and give another answer from then on."""
    seen = 0

    def answer(message: Outgoing) -> Outcome:
        nonlocal seen
        seen += 1
        return accept(message) if seen <= accepted else then(message)

    return answer


def raising(error: BaseException) -> Callable[[Outgoing], Outcome]:
    def answer(message: Outgoing) -> Outcome:
        raise error

    return answer


def open_mailing(subscriptions: Sequence, *, state: str = Mailing.State.SENDING, period: str = "2026-10") -> Issue:
    """An issue being sent to these members, frozen without rendering anything; one edition for all."""
    issue = factories.issue(period, live=True)
    Mailing.objects.create(issue=issue, state=state, frozen=len(subscriptions), started_at=timezone.now())
    edition = Edition.objects.create(
        issue=issue,
        number=1,
        label="Everybody",
        subject="News",
        html=f'<html><body><p>{GREETING_SLOT}</p><a href="http://localhost:8000/e-news/u/{TOKEN_SLOT}/">Leave</a></body></html>',
        text=f"{GREETING_SLOT}\n\nhttp://localhost:8000/e-news/u/{TOKEN_SLOT}/\n",
        content_hash="0" * 64,
    )
    Delivery.objects.bulk_create(Delivery(issue=issue, edition=edition, member=one.member) for one in subscriptions)
    return issue


def set_mailing(issue: Issue, state: str, **values: object) -> None:
    Mailing.objects.filter(issue=issue).update(state=state, **values)


def expire_leases(issue: Issue) -> None:
    """As if every worker had been silent for longer than its lease."""
    held = Delivery.objects.filter(issue=issue, lease_until__isnull=False)
    held.update(lease_until=timezone.now() - UNTIL_NOW)


def end_waits(issue: Issue) -> None:
    """As if the time to wait before another try were over."""
    waiting = Delivery.objects.filter(issue=issue, next_attempt_at__isnull=False)
    waiting.update(next_attempt_at=timezone.now() - UNTIL_NOW)


def send_by_hand(issue: Issue) -> dict[str, str]:
    """Send an open mailing without any message; return each recipient's token by first part of the address."""
    attempt = uuid.uuid4()
    claimed = ledger.claim(issue=issue.pk, attempt=attempt, limit=1000)
    ready = ledger.mark_sending(issue=issue.pk, attempt=attempt, rows=claimed).ready
    ledger.finish(attempt=attempt, state="sent", rows=[(row.delivery, f"esp-{row.delivery}") for row in ready])
    ledger.finish_mailing(issue=issue.pk)
    return {row.address.partition("@")[0]: row.token for row in ready}


def erase(person: Subscription) -> None:
    """As an erasure does: the database lets consent records go once the member is marked."""
    Member.objects.filter(pk=person.member_id).update(erased_at=timezone.now())
    person.member.user.delete()


def crowd_of(number: int) -> list[Subscription]:
    """So many active members of one audience."""
    make_members(number, audiences=1)
    return list(Subscription.objects.select_related("member").order_by("pk"))


def never_twice(*transports: RecordingTransport) -> bool:
    people = [recipient for transport in transports for recipient in transport.recipients]
    return len(people) == len(set(people))
