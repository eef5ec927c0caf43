"""After an older backup has been restored: whoever was erased, suppressed or left since goes again."""

from dataclasses import dataclass
from pathlib import Path

from django.contrib.sessions.models import Session
from django.utils import timezone

from cms.addresses import address_hash
from cms.erasing import find_addresses, forget_addresses
from membership import erasing, journal
from membership.ending import end_all
from membership.models import ConsentRecord, Subscription, Suppression, User

BATCH = 1000


@dataclass(frozen=True)
class Replayed:
    """What one replay did; `refused` are accounts that could not be erased, for a person to look at."""

    entries: int
    unreadable: int
    suppressed: int
    ended: int
    erased: int
    refused: list[int]
    forgotten: int = 0  # addresses, in what strangers offered or wrote


def replay(path: Path | None = None) -> Replayed:
    """Apply the journal to this database. May be run twice: the second run finds nothing to do.

    Whoever confirmed again after leaving stays: a suppression that was lifted is not put back, and an account made
    after the erasure of its address is another account.
    """
    found = journal.read(path)
    suppressed = sum(
        Suppression.objects.get_or_create(
            address_hash=entry.hash, defaults={"reason": entry.reason, "since": entry.moment}
        )[1]
        for entry in found.last(journal.SUPPRESSING).values()
        if entry.reason != journal.LIFTED
    )
    erased, refused = 0, []
    accounts = sorted(_accounts(found))
    if accounts:
        Session.objects.all().delete()  # a backup's sessions are old; everybody logs in anew
    for pk in accounts:
        try:
            erased += erasing.erase(User(pk=pk), tell=False)
        except erasing.CannotErase:
            refused.append(pk)
    forgotten = _forget(found)
    ended = _end(found)
    return Replayed(len(found.entries), len(found.unreadable), suppressed, ended, erased, refused, forgotten)


def _forget(found: journal.Journal) -> int:
    """Forget in the hub whoever was erased, with an account or without; return how many addresses that was."""
    gone = found.last({journal.FORGOTTEN, Suppression.Reason.ERASED.value})
    if not gone:
        return 0
    # By their last erasure: whoever has an account, even now, was erased before they made it, or above.
    addresses = sorted(find_addresses(lambda address: one.moment if (one := gone.get(address_hash(address))) else None))
    for start in range(0, len(addresses), BATCH):
        forget_addresses(addresses[start : start + BATCH])
    return len(addresses)


def _end(found: journal.Journal) -> int:
    """End the e-news of everybody whose last act was to leave it, unless they had not even confirmed by then."""
    left = {hash_: one for hash_, one in found.last(journal.LEAVING).items() if one.reason == journal.LEFT}
    hashes = sorted(left)
    ended = 0
    for start in range(0, len(hashes), BATCH):
        running = Subscription.objects.filter(
            member__user__address_hash__in=hashes[start : start + BATCH]
        ).select_related("member__user")
        gone = [
            one for one in running if one.confirmed_at and one.confirmed_at < left[one.member.user.address_hash].moment
        ]
        ended += len(end_all(gone, channel=ConsentRecord.Channel.STAFF, at=timezone.now()))
    return ended


def _accounts(found: journal.Journal) -> set[int]:
    """Accounts in this database that the journal calls erased: by their own hash, or by that of their address."""
    accounts = {entry.hash for entry in found.entries if entry.reason == journal.ACCOUNT}
    erased = {entry.hash: entry.moment for entry in found.entries if entry.reason == Suppression.Reason.ERASED}
    return {
        user.pk
        for user in User.objects.only("pk", "date_joined", "address_hash").iterator()
        if journal.account_hash(user) in accounts
        or ((moment := erased.get(user.address_hash)) and user.date_joined < moment)
    }
