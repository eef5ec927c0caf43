"""How long the hub keeps what people sent it, as a table of rules. `docs/data-retention.md` explains each.

A rule is a function that works in batches and yields how many each batch ended, so that whoever runs it can stop
between two. A batch takes the same number of queries, however large it is, and may be run again. `newsletter/daily.py`
runs these with the rules of `membership/retention.py` and `newsletter/ageing.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from cms.erasing import delete_submissions
from cms.models import AssuranceRequest, Enquiry, FruitlessSearch, Message, Submission

BATCH = 1000
THIRTEEN_MONTHS = timedelta(days=395)
# The rule runs once a day, so whatever is promised "within 30 days" is looked for after 29.
UNCONFIRMED = timedelta(days=29)
# Nobody who waited so long still waits; the desk shows what is open from its first day.
UNANSWERED = timedelta(days=731)
# Long enough to compare a year with the one before.
ENQUIRIES = timedelta(days=1096)
SEARCHES = timedelta(days=90)


@dataclass(frozen=True)
class Rule:
    """`after` is how old something gets; zero means that it carries its own end."""

    name: str
    after: timedelta
    run: Callable[[datetime], Iterator[int]]  # given the moment before which things are too old

    def batches(self, now: datetime | None = None) -> Iterator[int]:
        return self.run((now or timezone.now()) - self.after)


def delete_all(found: "QuerySet") -> Iterator[int]:
    """Delete these rows, a thousand at a time."""
    while pks := list(found.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        found.model._default_manager.filter(pk__in=pks).delete()
        yield len(pks)


def submissions_unconfirmed(before: datetime) -> Iterator[int]:
    """What somebody offered from an address that was never confirmed."""
    yield from delete_all(Submission.objects.filter(state=Submission.State.UNCONFIRMED, made_at__lt=before))


def submissions(before: datetime) -> Iterator[int]:
    """Answered submissions: what was published stays, who offered it goes, and a draft that was refused with them."""
    yield from _delete_offers(Submission.objects.filter(answered_at__lt=before))


def submissions_unanswered(before: datetime) -> Iterator[int]:
    """Submissions that wait for an editor in vain, with their drafts."""
    yield from _delete_offers(Submission.objects.filter(state=Submission.State.WAITING, made_at__lt=before))


def _delete_offers(offers: "QuerySet[Submission]") -> Iterator[int]:
    found = offers.order_by("pk")
    while pks := list(found.values_list("pk", flat=True)[:BATCH]):
        delete_submissions(pks)
        yield len(pks)


def messages(before: datetime) -> Iterator[int]:
    """Messages that were answered."""
    yield from delete_all(Message.objects.filter(answered_at__lt=before))


def messages_unanswered(before: datetime) -> Iterator[int]:
    """Messages that nobody answered."""
    yield from delete_all(Message.objects.filter(answered_at=None, received_at__lt=before))


def enquiries(before: datetime) -> Iterator[int]:
    """The helpline's log of enquiries."""
    yield from delete_all(Enquiry.objects.filter(made_at__lt=before))


def assurance_requests(before: datetime) -> Iterator[int]:
    """Mails that asked whether a listing is still right, with what was answered."""
    yield from delete_all(AssuranceRequest.objects.filter(asked_at__lt=before))


def fruitless_searches(before: datetime) -> Iterator[int]:
    """Words that were searched for and found nothing."""
    yield from delete_all(FruitlessSearch.objects.filter(last_on__lt=before.date()))


RULES = (
    Rule("submissions_unconfirmed", UNCONFIRMED, submissions_unconfirmed),
    Rule("submissions", THIRTEEN_MONTHS, submissions),
    Rule("submissions_unanswered", UNANSWERED, submissions_unanswered),
    Rule("messages", THIRTEEN_MONTHS, messages),
    Rule("messages_unanswered", UNANSWERED, messages_unanswered),
    Rule("enquiries", ENQUIRIES, enquiries),
    Rule("assurance_requests", THIRTEEN_MONTHS, assurance_requests),
    Rule("fruitless_searches", SEARCHES, fruitless_searches),
)
