"""How long membership keeps what, as a table of rules. `docs/data-retention.md` explains each; a test compares the two.

A rule is a function that works in batches and yields how many each batch ended, so that whoever runs it can stop
between two. A batch takes the same number of queries, however large it is, and may be run again.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress, EmailConfirmation
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms.retention import BATCH, THIRTEEN_MONTHS, Rule, delete_all
from membership import journal, uploads
from membership.ending import end_all
from membership.erasing import discard, erase_all, held_back
from membership.models import Complaint, ConsentRecord, Member, Subscription, Suppression, User

# The rule runs once a day, so whatever is promised "within 30 days" is looked for after 29.
UNCONFIRMED = timedelta(days=29)
UNREACHABLE = timedelta(days=90)
CLOSED_COMPLAINTS = timedelta(days=730)

State = Subscription.State


def unconfirmed(before: datetime) -> Iterator[int]:
    """Sign-ups that nobody confirmed: the whole account goes."""
    waiting = User.objects.filter(
        member__subscription__state=State.PENDING,
        member__subscription__confirmed_at=None,
        member__subscription__asked_at__lt=before,
    )
    for users in _users(waiting):
        yield discard(users)


def confirmation_links(before: datetime) -> Iterator[int]:
    """Links by which somebody who had left could have come back, and did not."""
    yield (
        Subscription.objects.filter(state=State.ENDED, asked_at__lt=before)
        .exclude(confirmation_hash="")
        .update(confirmation_hash="")
    )


def ended(before: datetime) -> Iterator[int]:
    """People who left the e-news, and have not used their account since either: erased."""
    long_gone = User.objects.filter(
        Q(last_login=None) | Q(last_login__lt=before),
        Q(member__last_visit_at=None) | Q(member__last_visit_at__lt=before),
        member__subscription__state=State.ENDED,
        member__subscription__ended_at__lt=before,
    )
    for users in _users(long_gone):
        yield erase_all(users)


def unreachable(before: datetime) -> Iterator[int]:
    """E-news that could not be delivered for a long time: ended, so that `ended` comes to it one day."""
    suppressed = Suppression.objects.filter(address_hash=OuterRef("member__user__address_hash"), since__lt=before)
    while found := list(
        Subscription.objects.filter(Exists(suppressed), state__in=[State.ACTIVE, State.PAUSED]).order_by("pk")[:BATCH]
    ):
        yield len(end_all(found, channel=ConsentRecord.Channel.PROVIDER, at=timezone.now()))


def complaints(before: datetime) -> Iterator[int]:
    yield from delete_all(Complaint.objects.filter(closed_at__lt=before))


def log_entries(before: datetime) -> Iterator[int]:
    """What Wagtail's log says about members; exports and imports are logged as being about a content type."""
    kinds = ContentType.objects.get_for_models(
        User, Member, Subscription, Complaint, ContentType, for_concrete_models=False
    )
    yield from delete_all(ModelLogEntry.objects.filter(content_type__in=kinds.values(), timestamp__lt=before))


def uploads_left(before: datetime) -> Iterator[int]:
    """Lists that somebody uploaded to import, and did not finish with."""
    yield uploads.discard_old(before)


def sessions(before: datetime) -> Iterator[int]:
    yield from delete_all(Session.objects.filter(expire_date__lt=before))


def email_confirmations(before: datetime) -> Iterator[int]:
    yield from delete_all(EmailConfirmation.objects.all_expired())


def unverified_addresses(before: datetime) -> Iterator[int]:
    """New addresses that a member typed and never confirmed."""
    stale = EmailAddress.objects.filter(
        Q(user__last_login=None) | Q(user__last_login__lt=before), verified=False, primary=False
    )
    yield from delete_all(stale)


def journal_gaps(before: datetime) -> Iterator[int]:
    """Suppressions missing from the journal (a crash between commit and file) are written there."""
    yield journal.catch_up()


RULES = (
    Rule("unconfirmed", UNCONFIRMED, unconfirmed),
    Rule("confirmation_links", UNCONFIRMED, confirmation_links),
    Rule("unreachable", UNREACHABLE, unreachable),
    Rule("ended", THIRTEEN_MONTHS, ended),
    Rule("complaints", CLOSED_COMPLAINTS, complaints),
    Rule("log_entries", THIRTEEN_MONTHS, log_entries),
    Rule("uploads_left", timedelta(days=1), uploads_left),
    Rule("sessions", timedelta(), sessions),
    Rule("email_confirmations", timedelta(), email_confirmations),
    Rule("unverified_addresses", UNCONFIRMED, unverified_addresses),
    Rule("journal_gaps", timedelta(), journal_gaps),
)


def _users(found: QuerySet[User]) -> Iterator[list[User]]:
    """Batches of these accounts, without those that may not go (editors, reviewers)."""
    last = 0
    while users := list(found.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = users[-1].pk
        kept = held_back([user.pk for user in users])
        yield [user for user in users if user.pk not in kept]
