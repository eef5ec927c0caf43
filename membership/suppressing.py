"""Suppressing: putting an address on the list of those that must not be mailed, and taking it off again.

Only the keyed hash of an address is ever kept (ADR 8). Every act reaches the journal, so a restored backup knows it.
"""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Count
from wagtail.log_actions import log

from membership import journal
from membership.models import Suppression, User

Reason = Suppression.Reason
# What staff may take back: a mailbox comes to life again, and whoever asked never to be mailed may change their mind.
LIFTABLE = [Reason.BOUNCED, Reason.REQUESTED]
ADDED, LIFTED = "membership.suppress", "membership.lift"
# As the audit log shows them: label in its filter, message in its lines.
LOG_ACTIONS = {
    ADDED: ("Never mail an address", "Address added to the list that is never mailed"),
    LIFTED: ("Mail an address again", "Address taken off the list that is never mailed"),
}
HASH_SHOWN = 8  # digits of a hash that are shown: enough to tell two apart
WHY_NOT = {
    Reason.COMPLAINED: "Whoever reported our mail as spam is not mailed again.",
    Reason.ERASED: "Whoever asked to be erased comes back only by joining again themselves.",
}


class CannotLift(ValueError):
    """Why a suppression stays, as a sentence for whoever asked."""


@dataclass(frozen=True)
class ReasonCount:
    label: str
    count: int


@transaction.atomic
def suppress(*, address_hash: str, reason: Suppression.Reason) -> tuple[Suppression, bool]:
    """Never mail this address again. Returns the suppression, and whether it was made now.

    The first reason is kept, unless staff may lift it and must not lift the new one.
    """
    found, made = Suppression.objects.get_or_create(address_hash=address_hash, defaults={"reason": reason})
    if not made and found.reason in LIFTABLE and reason not in LIFTABLE:
        found.reason = reason
        found.save(update_fields=["reason"])
        journal.append_on_commit(address_hash, reason)
    return found, made


@transaction.atomic
def suppress_on_request(*, address_hash: str, by: User) -> tuple[Suppression, bool]:
    """Never mail this address again, because its owner told `by` so. Returns what `suppress` does."""
    found, made = suppress(address_hash=address_hash, reason=Reason.REQUESTED)
    if made:
        _record(ADDED, found, by, reason=Reason.REQUESTED.value)
    return found, made


@transaction.atomic
def lift(*, suppression: Suppression, by: User, why: str) -> None:
    """Let an address be mailed again. Raises CannotLift when staff may not, or when `why` is missing or names anybody.

    The reason goes to the audit log, that it was lifted to the journal (`journal.lifted`).
    """
    why = " ".join(why.split())
    if not why:
        raise CannotLift("Say why it may be mailed again: the reason is kept.")
    if "@" in why:
        raise CannotLift("Leave addresses out of the reason: it is kept, and the address is not.")
    found = Suppression.objects.select_for_update().filter(pk=suppression.pk).first()
    if not found:
        raise CannotLift("This address is no longer on the list.")
    if obstacle := why_not(found):
        raise CannotLift(obstacle)
    _record(LIFTED, found, by, reason=found.reason, why=why)
    found.delete()


def why_not(suppression: Suppression) -> str:
    """Return the sentence that says why staff may not lift a suppression; nothing when they may."""
    if suppression.reason not in LIFTABLE:
        return WHY_NOT[Reason(suppression.reason)]
    # An erasure keeps the reason that an address was on the list for before; the journal knows better.
    last = journal.read().last(journal.SUPPRESSING).get(suppression.address_hash)
    if not last or last.reason not in WHY_NOT:
        return ""
    came_back = last.reason == Reason.ERASED and _came_back(suppression.address_hash)
    return "" if came_back else WHY_NOT[Reason(last.reason)]


def counts() -> list[ReasonCount]:
    """How many addresses are on the list for each reason."""
    found = Suppression.objects.order_by().values("reason").annotate(count=Count("pk"))
    by_reason = {one["reason"]: one["count"] for one in found}
    return [ReasonCount(str(reason.label), by_reason.get(reason.value, 0)) for reason in Reason]


def _came_back(address_hash: str) -> bool:
    """Whether there is an account again, whose owner has shown that the address is theirs."""
    return EmailAddress.objects.filter(user__address_hash=address_hash, verified=True).exists()


def _record(action: str, suppression: Suppression, by: User, **data: str) -> None:
    """Into the audit log, as being about the list: no address, and of the hash what is shown everywhere."""
    subject = ContentType.objects.get_for_model(Suppression)
    data |= {"hash": suppression.address_hash[:HASH_SHOWN]}
    log(instance=subject, action=action, title="Addresses never mailed", user=by, data=data)
