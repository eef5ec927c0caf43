"""What the mail provider reported: kept once, tied to deliveries, and acted upon. In bulk, and in any order (ADR 21).

A report settles a delivery that was unknown, ends the subscription of whoever complained or left, and suppresses
addresses whose mailbox is gone (`bounces.py`). What it says about the mail stays apart from what we did ourselves.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef
from django.utils import timezone

from cms.addresses import address_hash, normalise_address
from membership import services
from membership.models import ConsentRecord, Subscription, Suppression
from newsletter import bounces, ledger
from newsletter.models import Delivery, Departure, ProviderEvent
from newsletter.relayed import READINGS, Relayed, keep_relayed
from newsletter.stale import mark_stale
from newsletter.tracking import subscription_of

logger = logging.getLogger(__name__)

State = Delivery.State
# Reports that prove the provider had taken the message.
PROOF_OF_SENDING = {
    "sent",
    "queued",
    "delivered",
    "deferred",
    "bounced",
    "opened",
    "clicked",
    "complained",
    "unsubscribed",
}
PROOF_OF_REFUSAL = {"rejected", "failed"}
PROOFS = ((PROOF_OF_SENDING, State.SENT), (PROOF_OF_REFUSAL, State.FAILED))
LEAVING = {"complained", "unsubscribed"}
# What is kept. Whatever else Anymail may say (it has “unknown” for what it cannot name) could be an open or a click.
KEPT = PROOF_OF_SENDING | PROOF_OF_REFUSAL | {"autoresponded", "subscribed"}

# A provider can be faster than our own record of its message id, which comes with the answer, within a lease. For so
# long a report that only a message id could tie to a delivery may come too early.
EARLY = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Reported:
    """One event as the provider reported it, in Anymail's names. It may hold an address: it is not kept."""

    provider: str
    event_type: str
    event_id: str | None = None
    message_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    recipient: str | None = None
    happened_at: datetime | None = None
    reject_reason: str | None = None
    verdict: str = ""
    url: str = ""  # of a click: where the link leads
    signals: int = 0  # of an open or click: the sum of `Hit.Signal`
    came_at: datetime | None = None  # when it was posted to us; none where it cannot have come too early

    @cached_property
    def natural_key(self) -> str:
        """Providers that number their events are believed; for others, what happened to what, and when, is the key.
        Of clicks the link too: several may be followed in the second that a provider tells."""
        parts = [self.provider, self.event_type, str(self.recipient)]
        parts += [self.event_id] if self.event_id else [str(self.message_id), str(self.happened_at), self.url]
        return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()

    @property
    def delivery(self) -> int | None:
        """Our own id, which providers with metadata bring back."""
        ours = str(self.metadata.get("delivery", ""))
        return int(ours) if ours.isascii() and ours.isdigit() and len(ours) < 19 else None

    @property
    def message(self) -> str:
        """The provider's message id, where it can be one."""
        text = self.message_id or ""
        return text if text.isprintable() and len(text) <= 200 else ""

    @cached_property
    def address_hash(self) -> str:
        """The keyed hash of the recipient; nothing where no address is given."""
        try:
            return address_hash(normalise_address(self.recipient)) if self.recipient else ""
        except ValueError:
            return ""

    def may_be_early(self, now: datetime) -> bool:
        """Whether the delivery that this is about may yet become known."""
        came_just_now = self.came_at is not None and self.came_at > now - EARLY
        return came_just_now and self.delivery is None and bool(self.message)


@dataclass(frozen=True)
class Recorded:
    """What was new: how many reports, and the issues of which some may raise an alarm (`alarming.py`). And which
    reports, by natural key, were left alone because they may have come too early."""

    count: int = 0
    alarming: frozenset[int] = frozenset()
    early: frozenset[str] = frozenset()

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(self.count + other.count, self.alarming | other.alarming, self.early | other.early)


@transaction.atomic
def record_provider_events(reports: Iterable[Reported]) -> Recorded:
    """Keep many reports, each once, and do what they ask for. All of it or nothing, in a fixed number of statements
    besides those for whoever is suppressed or leaves.

    Reports may come early, late, reversed or many times over. Those that lead nowhere yet, but may in a moment, are
    left alone: whoever calls brings them again. Of two processes that are given the same report at the
    same moment both may act on it, which comes to the same.
    """
    by_key = {one.natural_key: one for one in reports if one.event_type in KEPT}
    known = set(ProviderEvent.objects.filter(natural_key__in=by_key).values_list("natural_key", flat=True))
    fresh = [by_key[key] for key in sorted(by_key.keys() - known)]
    if not fresh:
        return Recorded()
    rows = _deliveries(fresh)
    now = timezone.now()
    early = frozenset(one.natural_key for one in fresh if one.natural_key not in rows and one.may_be_early(now))
    fresh = [one for one in fresh if one.natural_key not in early]
    if not fresh:
        return Recorded(early=early)
    matched = [(one, rows[one.natural_key]) for one in fresh if one.natural_key in rows]
    if len(matched) < len(fresh):
        logger.info("%s provider events belong to no delivery of ours", len(fresh) - len(matched))
    readings = [(one, row) for one, row in matched if one.event_type in READINGS]
    # In the order of their keys: of two processes with the same reports, one waits for the other.
    events = sorted((_event(one, rows.get(one.natural_key), now) for one in fresh), key=lambda event: event.natural_key)
    old = _arrived_before(readings)
    ProviderEvent.objects.bulk_create(events, ignore_conflicts=True)
    _hold(readings)
    hits = keep_relayed([_relayed(one, row, now) for one, row in readings])
    repeated = sum(_arrival(row.pk) in old and one.natural_key not in hits for one, row in readings)
    _settle(matched)
    _act(matched)
    alarming = frozenset(row.issue for one, row in matched if one.event_type == "complained" or one.verdict)
    mark_stale(row.issue for _, row in matched)
    return Recorded(len(fresh) - repeated, alarming, early)


def settle_reported(issue: int) -> int:
    """Settle unknown deliveries whose report came before they were called unknown. Returns how many."""
    unknown = Delivery.objects.filter(issue=issue, state=State.UNKNOWN)
    settled = sum(
        unknown.filter(Exists(ProviderEvent.objects.filter(delivery=OuterRef("pk"), event_type__in=kinds))).update(
            state=state, reason=f"{ledger.REPORTED} it", finished_at=timezone.now()
        )
        for kinds, state in PROOFS
    )
    mark_stale([issue] if settled else [])
    return settled


@dataclass(frozen=True)
class _Row:
    """What is needed of a delivery."""

    pk: int
    issue: int
    state: str
    sent_at: datetime | None  # when it was handed over, or else when its row came to an end


def _event(one: Reported, row: _Row | None, now: datetime) -> ProviderEvent:
    if one.event_type in READINGS:
        return _arrived(one, row, now)
    return ProviderEvent(
        natural_key=one.natural_key,
        delivery_id=row.pk if row else None,
        provider=one.provider[:40],
        event_type=one.event_type[:40],
        reject_reason=(one.reject_reason or "")[:40],
        verdict=one.verdict,
        happened_at=_moment(one, now),
        received_at=now,
    )


def _arrived(one: Reported, row: _Row | None, now: datetime) -> ProviderEvent:
    """An open or click proves that the mail arrived. That is kept once for each delivery, with a time that says nothing
    of when it was read (ADR 23)."""
    at = (row and row.sent_at) or now.replace(hour=0, minute=0, second=0, microsecond=0)
    return ProviderEvent(
        natural_key=_arrival(row.pk) if row else one.natural_key,
        delivery_id=row.pk if row else None,
        provider=one.provider[:40],
        event_type="delivered",
        happened_at=at,
        received_at=at,
    )


def _arrival(delivery: int) -> str:
    return hashlib.sha256(f"arrived\0{delivery}".encode()).hexdigest()


def _arrived_before(readings: Sequence[tuple[Reported, "_Row"]]) -> set[str]:
    if not readings:
        return set()
    keys = {_arrival(row.pk) for _, row in readings}
    return set(ProviderEvent.objects.filter(natural_key__in=keys).values_list("natural_key", flat=True))


def _hold(readings: Sequence[tuple[Reported, "_Row"]]) -> None:
    """Hold what says that these arrived: of two processes with the same reading, one waits for the other and then finds
    its hit."""
    if readings:
        keys = {_arrival(row.pk) for _, row in readings}
        held = ProviderEvent.objects.select_for_update().filter(natural_key__in=keys).order_by("natural_key")
        list(held.values_list("pk", flat=True))


def _relayed(one: Reported, row: _Row, now: datetime) -> Relayed:
    return Relayed(
        key=one.natural_key,
        delivery=row.pk,
        issue=row.issue,
        what=READINGS[one.event_type],
        at=min(_moment(one, now), now),
        url=one.url,
        signals=one.signals,
    )


def _moment(one: Reported, now: datetime) -> datetime:
    moment = one.happened_at or now
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)


def _deliveries(reports: Sequence[Reported]) -> dict[str, _Row]:
    """The delivery that each report is about, by natural key: by our id, else by an unmistakable message id.

    Some providers give all messages of one call the same id; then the recipient tells them apart, where the keyed hash
    of the address is that of the member.
    """
    ours = {one.natural_key: one.delivery for one in reports if one.delivery is not None}
    theirs = [one for one in reports if one.delivery is None and one.message]
    ids = set(ours.values())
    by_message: dict[tuple[str, str], int | None] = {}
    if theirs:
        by_message = _by_message({one.message for one in theirs}, {one.address_hash for one in theirs} - {""})
    found: dict[str, int | None] = dict(ours)
    for one in theirs:
        key = (one.message, "") if (one.message, "") in by_message else (one.message, one.address_hash)
        found[one.natural_key] = by_message.get(key)
    ids |= {pk for pk in found.values() if pk is not None}
    rows = {
        pk: _Row(pk, issue, state, handed_at or finished_at)
        for pk, issue, state, handed_at, finished_at in Delivery.objects.filter(pk__in=ids).values_list(
            "pk", "issue", "state", "handed_at", "finished_at"
        )
    }
    return {key: rows[pk] for key, pk in found.items() if pk in rows}


def _by_message(messages: set[str], hashes: set[str]) -> dict[tuple[str, str], int | None]:
    """Deliveries by message id and "", where only one has the id; else by message id and keyed hash of the address.

    None where even that fits several.
    """
    counted = Delivery.objects.filter(message_id__in=messages).exclude(message_id="").values("message_id")
    found: dict[tuple[str, str], int | None] = {}
    shared = []
    for one in counted.annotate(first=Min("pk"), number=Count("pk")).order_by():
        if one["number"] == 1:
            found[one["message_id"], ""] = one["first"]
        else:
            shared.append(one["message_id"])
    if not shared or not hashes:
        return found
    rows = Delivery.objects.filter(message_id__in=shared, member__user__address_hash__in=hashes)
    for message, person, pk in rows.values_list("message_id", "member__user__address_hash", "pk"):
        found[message, person] = None if (message, person) in found else pk
    return found


def _settle(matched: Sequence[tuple[Reported, _Row]]) -> None:
    """Name the end of unknown deliveries. Those that become unknown later are settled by the tick.

    Those that failed may have done so by an earlier report, which a proof of sending outweighs.
    """
    unknown = [(one.event_type, row.pk) for one, row in matched if row.state in {State.UNKNOWN, State.FAILED}]
    for kinds, state in PROOFS:
        for kind in sorted({event_type for event_type, _ in unknown} & kinds):
            pks = [pk for event_type, pk in unknown if event_type == kind]
            ledger.settle_many(deliveries=pks, state=state, reason=f"provider reported {kind}")


def _act(matched: Sequence[tuple[Reported, _Row]]) -> None:
    """End subscriptions and suppress addresses, person by person: it is rare."""
    rare = [(one, row) for one, row in matched if one.verdict or one.event_type in LEAVING]
    if not rare:
        return
    deliveries = Delivery.objects.select_related("member__user", "member__subscription")
    by_pk = deliveries.in_bulk({row.pk for _, row in rare})
    # One person's reports one after the other, and people in one order: of two processes with a bounce each of somebody
    # whose mailbox is dead, the second sees what the first has kept.
    people = Subscription.objects.filter(member__in={one.member_id for one in by_pk.values()}).order_by("pk")
    list(people.select_for_update().values_list("pk", flat=True))
    for one, row in sorted(rare, key=lambda pair: pair[1].pk):
        if subscription := subscription_of(by_pk.get(row.pk)):  # else the member has gone
            _act_on(subscription, one, row)


def _act_on(subscription: Subscription, one: Reported, row: _Row) -> None:
    current = subscription.member.user.address_hash
    if one.event_type in LEAVING:
        left = services.unsubscribe(subscription=subscription, channel=ConsentRecord.Channel.PROVIDER)
        if left and one.event_type == "unsubscribed":  # by the provider's own link or header in that mail
            Departure.objects.get_or_create(delivery_id=row.pk)
    if one.event_type == "complained":
        services.suppress(address_hash=current, reason=Suppression.Reason.COMPLAINED)
    # Who has changed the address since is not cut off because the old one is dead.
    if one.verdict == bounces.HARD or (one.verdict == bounces.SOFT and bounces.is_given_up(subscription.member_id)):
        services.suppress(address_hash=one.address_hash or current, reason=Suppression.Reason.BOUNCED)
