"""Ageing: the e-news forgets people in time. Opens and clicks become totals, the ledger loses its people.

Rules as in `cms/retention.py`: each works in batches and may be run again.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from cms.retention import BATCH, THIRTEEN_MONTHS, Rule, delete_all
from membership.models import Audience, Subscription
from newsletter import pacing
from newsletter.closing import close
from newsletter.models import AgedToken, Delivery, Departure, EditionAudience, Hit, Mailing, ProviderEvent, RawReport
from newsletter.tracking import COUNTED_FOR

ONE_DAY = timedelta(days=1)
ONE_WEEK = timedelta(days=7)
UNREADABLE = timedelta(days=30)  # since they came: time to find out why
NO_NONCE = uuid.UUID(int=0)  # so that nobody who knows the key can work the token out again


def hits(before: datetime) -> Iterator[int]:
    """Opens and clicks of issues whose counting is over, and who left by them: the totals stay, every one goes."""
    counting = Q(issue__rollup=None) | Q(issue__rollup__closed_at=None)
    left = Exists(Hit.objects.filter(delivery__issue=OuterRef("pk")))
    gone = Exists(Departure.objects.filter(delivery__issue=OuterRef("pk")))
    over = Mailing.objects.filter(counting | left | gone, started_at__lt=before)
    for issue in over.order_by("started_at").values_list("pk", flat=True):
        close(issue)
        for rows in (Hit.objects.filter(delivery__issue=issue), Departure.objects.filter(delivery__issue=issue)):
            yield from delete_all(rows)


def provider_events(before: datetime) -> Iterator[int]:
    """Reports of the provider. They come in the order of their numbers, so only the oldest need looking at."""
    while True:
        oldest = ProviderEvent.objects.order_by("pk").values_list("pk", "received_at")[:BATCH]
        pks = [pk for pk, received_at in oldest if received_at < before]
        if not pks:
            return
        ProviderEvent.objects.filter(pk__in=pks).delete()
        yield len(pks)


def raw_reports(before: datetime) -> Iterator[int]:
    """What providers posted, once it was read; what nobody could read stays a little longer."""
    yield from delete_all(RawReport.objects.filter(processed_at__lt=before))
    given_up = before + ONE_WEEK - UNREADABLE
    yield from delete_all(RawReport.objects.filter(processed_at=None, received_at__lt=given_up))


def ledger(before: datetime) -> Iterator[int]:
    """Who was sent which issue: the rows stay, without their person. The link in the old mail still leaves."""
    in_flight = (Delivery.State.CLAIMED, Delivery.State.SENDING)
    people = Delivery.objects.filter(issue=OuterRef("pk"), member__isnull=False).exclude(state__in=in_flight)
    for mailing in Mailing.objects.filter(Exists(people), frozen_at__lt=before):
        rows = Delivery.objects.filter(issue=mailing.pk, member__isnull=False).exclude(state__in=in_flight)
        while aged := _age(rows):
            yield aged


@transaction.atomic
def _age(rows: QuerySet[Delivery]) -> int:
    batch = list(rows.select_for_update().order_by("pk").values_list("pk", "member_id", "token_hash")[:BATCH])
    AgedToken.objects.bulk_create(
        (AgedToken(member_id=member, token_hash=token_hash) for _, member, token_hash in batch if token_hash),
        ignore_conflicts=True,
    )
    Delivery.objects.filter(pk__in=[pk for pk, _, _ in batch]).update(
        member=None, token_hash=None, message_id="", nonce=NO_NONCE, measured_since=None
    )
    return len(batch)


def audiences(before: datetime) -> Iterator[int]:
    """Choices that nobody makes any more, and that no issue of the last months went by."""
    used = Subscription.objects.filter(audience=OuterRef("pk"))
    recent = EditionAudience.objects.filter(audience=OuterRef("pk"), issue__mailing__frozen_at__gte=before)
    idle = Audience.objects.filter(~Exists(used), ~Exists(recent)).order_by("pk")
    while number := _delete_idle(idle):
        yield number


@transaction.atomic
def _delete_idle(idle: QuerySet[Audience]) -> int:
    """Delete a batch, but for those that a freeze holds at this moment (`EditionMaker.make_missing`)."""
    free = idle.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    pks = list(free.values_list("pk", flat=True)[:BATCH])
    Audience.objects.filter(pk__in=pks).delete()
    return len(pks)


RULES = (
    Rule("hits", COUNTED_FOR, hits),
    Rule("provider_events", THIRTEEN_MONTHS, provider_events),
    Rule("raw_reports", ONE_WEEK, raw_reports),
    Rule("ledger", THIRTEEN_MONTHS, ledger),
    Rule("audiences", THIRTEEN_MONTHS, audiences),
    Rule("sending_rates", ONE_DAY, pacing.forget),
)
