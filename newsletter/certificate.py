"""The certificate: how every delivery of an issue ended, by state and edition, sealed once the mailing has ended.

`certify` counts; `issue_certificate` seals the counts with a digest of the ledger; `verify` says whether the ledger is
still what was sealed. What goes into the digest, in this order, is what the certificate claims and nothing more:

    issue, number frozen                             once
    id, number and content hash of each edition      in the order of their numbers
    id, edition, state and reason of each delivery   in the order of their ids

Erasing a member, ageing and provider events alter none of these, so people may go and the seal holds. Deliveries that
were unknown when the certificate was issued are still to be settled or decided: they count as unknown for good, and
what has become of them is told apart.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.log_actions import log

from newsletter.models import CertificateRecord, Delivery, Edition, Issue, Mailing
from newsletter.telling import tell_sent

State = Delivery.State
SKIPPED, UNKNOWN = State.SKIPPED.value, State.UNKNOWN.value  # plain text: they are compared a million times
CLOSED = (Mailing.State.FINISHED, Mailing.State.CANCELLED)
LISTED = 1000  # deliveries named one by one; the others are counted
CHUNK = 2_000  # rows of the ledger held in memory at a time
NO_EDITION = "Nothing in this issue was for them"

# Deliveries by (edition id, state), edition None where the issue held nothing for somebody.
Tally = Mapping[tuple[int | None, str], int]


@dataclass(frozen=True)
class EditionCount:
    """Deliveries of one edition by state, every state present; `number` None for those who got no edition."""

    number: int | None
    label: str
    states: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True)
class Certificate:
    """Every delivery of an issue is in exactly one of `editions`, in exactly one state."""

    issue: str
    frozen: int
    editions: list[EditionCount]
    skipped_because: dict[str, int]

    @property
    def states(self) -> dict[str, int]:
        return {state.value: sum(edition.states[state] for edition in self.editions) for state in State}

    @property
    def balanced(self) -> bool:
        return sum(edition.total for edition in self.editions) == self.frozen

    @property
    def proved(self) -> bool:
        """It adds up, nothing is unknown and nothing is left to do: everybody has a named end."""
        states = self.states
        return self.balanced and not any(states[state] for state in (*Delivery.UNFINISHED, State.UNKNOWN))

    def as_dict(self) -> dict[str, Any]:
        """The keys that other programs rely on (design.md), the reasons for skipping, and the editions."""
        return {
            "issue": self.issue,
            "frozen": self.frozen,
            **self.states,
            "balanced": self.balanced,
            "skipped_because": self.skipped_because,
            "editions": [
                {"number": one.number, "label": one.label, "total": one.total, **one.states} for one in self.editions
            ],
        }


@dataclass(frozen=True)
class Unknown:
    """A delivery that needs a decision: nobody can prove whether the provider took it."""

    delivery: int
    edition: int | None
    handed_at: datetime | None
    provider: str
    reason: str


@dataclass(frozen=True)
class Settled:
    """A delivery that was unknown when the certificate was issued, and what it is now."""

    delivery: int
    state: str
    reason: str

    @property
    def label(self) -> str:
        return str(State(self.state).label)


@dataclass(frozen=True)
class Seal:
    """What comparing the ledger with its latest certificate showed. `digest` is the ledger's, as it is now."""

    digest: str
    record: CertificateRecord | None = None
    authentic: bool = False  # the record is signed by us
    changed: bool = False  # the ledger is not what was sealed, nor what may become of it
    settled: list[Settled] = field(default_factory=list)

    @property
    def sealed(self) -> bool | None:
        """None while no certificate has been issued."""
        return self.authentic and not self.changed if self.record else None

    @property
    def verdict(self) -> str:
        """The same in words."""
        if not self.record:
            return "Not sealed yet: that happens by itself when the mailing has come to its end."
        day = date_format(timezone.localtime(self.record.issued_at), "j F Y, H:i")
        if not self.authentic:
            return (
                f"The signature of the certificate of {day} does not match: it was altered, or SECRET_KEY was changed "
                "and the old one is not in SECRET_KEY_FALLBACKS."
            )
        if self.changed:
            return f"The ledger was changed behind the back of its certificate (the latest is of {day})."
        moved = len(self.settled)
        since = f" Unknown then and settled since: {moved}." if moved else ""
        return f"Sealed on {day}, and unchanged since.{since}"


def certify(issue: Issue) -> Certificate:
    """Count the ledger of an issue, in four queries. An issue that was never frozen counts nothing."""
    deliveries = Delivery.objects.filter(issue=issue).order_by()
    tally = {
        (edition, state): count
        for edition, state, count in deliveries.values_list("edition", "state").annotate(count=Count("*"))
    }
    reasons = deliveries.filter(state=State.SKIPPED).values_list("reason").annotate(count=Count("*"))
    mailing = issue.get_mailing()
    return _certificate(issue, mailing.frozen if mailing else 0, _editions(issue), tally, dict(reasons))


def list_unknown(issue: Issue) -> list[Unknown]:
    """Name what needs a decision, the first LISTED of it: by numbers only, never by address. One query."""
    rows = Delivery.objects.filter(issue=issue, state=State.UNKNOWN).order_by("pk")
    found = rows.values_list("pk", "edition__number", "handed_at", "provider", "reason")[:LISTED]
    return [Unknown(*row) for row in found]


def verify(issue: Issue) -> Seal:
    """Compare the ledger with the issue's latest certificate. Reads every row once, in flat memory."""
    record = _latest(issue.pk).first()
    if not record:
        return Seal(_read(issue).digest)
    now = _read(issue, record.counts["unknown_then"])
    return Seal(
        digest=now.digest,
        record=record,
        authentic=_is_ours(record),
        changed=now.digest != record.digest or record.counts["changed_before"],
        settled=now.settled,
    )


def issue_certificate(issue: Issue) -> CertificateRecord | None:
    """Seal an issue whose mailing has come to its end; return its certificate, None while there is work left.

    May be called by anybody at any time: one is issued each time that the mailing ends, and one more when its last
    unknown delivery has been settled. Each says whether the ledger still was what the one before had sealed, so that a
    change cannot be covered by issuing anew.
    """
    if not _wanting().filter(pk=issue.pk).exists():
        return _latest(issue.pk).filter(issue__mailing__state__in=CLOSED).first()
    changed_before = _latest(issue.pk).exists() and not verify(issue).sealed
    ledger = _read(issue)
    with transaction.atomic():
        Mailing.objects.select_for_update().get(pk=issue.pk)
        if not _wanting().filter(pk=issue.pk).exists():  # somebody was faster, or it has been opened again
            return _latest(issue.pk).filter(issue__mailing__state__in=CLOSED).first()
        counts = {
            **ledger.certificate.as_dict(),
            "unknown_then": ledger.unknown,
            "changed_before": changed_before,
        }
        record = CertificateRecord(issue=issue, counts=counts, digest=ledger.digest)
        record.signature = _signer().signature(_signed_text(record))
        first = not _latest(issue.pk).exists()
        record.save()
        if first:
            transaction.on_commit(lambda: tell_sent(record))
        log(issue, "newsletter.certify", data={"certificate": record.pk, "digest": record.digest})
    return record


def issue_missing() -> int:
    """Seal every mailing that has ended and is not sealed as it ended; return how many. For the sweep: usually none."""
    issues = Issue.objects.filter(pk__in=_wanting().values("pk"))
    return sum(issue_certificate(issue) is not None for issue in issues)


def _wanting() -> Any:
    """Mailings at their end that have no certificate of it, or one with unknowns that have all been settled since."""
    latest = _latest(OuterRef("pk"))
    rows = Delivery.objects.filter(issue=OuterRef("pk"))
    doubtful = CertificateRecord.objects.filter(pk=OuterRef("certificate"), counts__unknown__gt=0)
    return (
        Mailing.objects.filter(~Exists(rows.unfinished()), state__in=CLOSED)
        .annotate(
            certificate=Subquery(latest.values("pk")[:1]),
            issued_at=Subquery(latest.values("issued_at")[:1]),
        )
        .filter(
            Q(certificate=None)
            | Q(issued_at__lt=Coalesce(F("finished_at"), F("frozen_at")))
            | (Exists(doubtful) & ~Exists(rows.filter(state=State.UNKNOWN)))
        )
    )


def _latest(issue: Any) -> Any:
    return CertificateRecord.objects.filter(issue=issue).order_by("-issued_at", "-pk")


@dataclass(frozen=True)
class _Reading:
    """One pass over the ledger: everything in it belongs to the same moment."""

    digest: str
    certificate: Certificate
    unknown: list[int]
    settled: list[Settled]


def _read(issue: Issue, unknown_then: Collection[int] | None = None) -> _Reading:
    """Read the ledger row by row. Rows in `unknown_then` enter the digest as unknown, whatever became of them;
    left out, those that are unknown now do.
    """
    mailing = issue.get_mailing()
    frozen = mailing.frozen if mailing else 0
    editions = _editions(issue)
    digest = hashlib.sha256(f"{issue.pk}\0{frozen}\0\n".encode())
    for edition in editions:
        digest.update(f"{edition.pk}\0{edition.number}\0{edition.content_hash}\0\n".encode())
    doubted = frozenset(unknown_then or ())
    tally: Counter[tuple[int | None, str]] = Counter()
    reasons: Counter[str] = Counter()
    unknown: list[int] = []
    settled: list[Settled] = []
    rows = Delivery.objects.filter(issue=issue).order_by("pk").values_list("pk", "edition_id", "state", "reason")
    for pk, edition_id, state, reason in rows.iterator(chunk_size=CHUNK):
        tally[edition_id, state] += 1
        if state == SKIPPED:
            reasons[reason] += 1
        if state == UNKNOWN:
            unknown.append(pk)
        elif pk in doubted:
            settled.append(Settled(pk, state, reason))
        if pk in doubted or (state == UNKNOWN and unknown_then is None):
            state, reason = UNKNOWN, ""
        digest.update(f"{pk}\0{edition_id}\0{state}\0{reason}\0\n".encode())
    return _Reading(digest.hexdigest(), _certificate(issue, frozen, editions, tally, dict(reasons)), unknown, settled)


def _editions(issue: Issue) -> list[Edition]:
    found = Edition.objects.filter(issue=issue).order_by("number")
    return list(found.only("pk", "number", "label", "content_hash"))


def _certificate(
    issue: Issue, frozen: int, editions: list[Edition], tally: Tally, reasons: dict[str, int]
) -> Certificate:
    rows: list[tuple[int | None, int | None, str]] = [
        (edition.pk, edition.number, edition.label) for edition in editions
    ]
    if any(edition is None for edition, _ in tally):
        rows.append((None, None, NO_EDITION))
    return Certificate(
        issue=issue.period,
        frozen=frozen,
        editions=[
            EditionCount(number, label, {state.value: tally.get((pk, state.value), 0) for state in State})
            for pk, number, label in rows
        ],
        skipped_because=dict(sorted(reasons.items())),
    )


def _signer() -> Signer:
    """Signs with SECRET_KEY, and also knows what was signed with SECRET_KEY_FALLBACKS."""
    return Signer(salt="newsletter.certificate")


def _signed_text(record: CertificateRecord) -> str:
    issued = record.issued_at.astimezone(UTC).isoformat()
    return json.dumps([record.issue_id, issued, record.counts, record.digest], sort_keys=True)


def _is_ours(record: CertificateRecord) -> bool:
    try:
        _signer().unsign(f"{_signed_text(record)}:{record.signature}")
    except BadSignature:
        return False
    return True
