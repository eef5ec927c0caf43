"""The journal of erasures, suppressions and leaving: a file outside the database, so that a restored backup catches up.

One JSON object a line: `{"hash": …, "reason": …, "at": …}`. The hash is keyed (ADR 8), of an address or, under the
reason `account`, of an account. Nothing in it can be read back. `replaying.py` applies it.
"""

import hashlib
import hmac
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from membership.models import ConsentRecord, Suppression, User

ACCOUNT = "account"  # the account with this hash was erased
FORGOTTEN = "forgotten"  # what the owner of the address had written to us without having an account
LIFTED = "lifted"  # the owner of the address confirmed again: it may be mailed
LEFT, RETURNED = "left", "returned"  # the e-news, by whatever way
SUPPRESSING = {LIFTED, *Suppression.Reason.values}
LEAVING = {LEFT, RETURNED}
REASONS = {ACCOUNT, FORGOTTEN, *SUPPRESSING, *LEAVING}


@dataclass(frozen=True)
class Entry:
    hash: str
    reason: str
    at: str  # ISO 8601, with its zone

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True)
class Journal:
    """What the file holds: its entries, and the numbers of lines that are none (a crash may cut one short)."""

    entries: list[Entry] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)

    def last(self, reasons: set[str]) -> dict[str, Entry]:
        """The last entry of each hash among these reasons."""
        return {entry.hash: entry for entry in self.entries if entry.reason in reasons}


def account_hash(user: User) -> str:
    """Return the keyed hash by which one account is known again in a backup, whatever its address was then."""
    name = f"account:{user.pk}:{user.date_joined.timestamp():.6f}"
    return hmac.new(settings.ADDRESS_HASH_KEY.encode(), name.encode(), hashlib.sha256).hexdigest()


def append_on_commit(hash_: str, reason: str, at: datetime | None = None) -> None:
    """Write one entry once the transaction has been committed. A failure to write is logged, and undoes nothing."""
    entry = Entry(hash_, reason, (at or timezone.now()).isoformat())
    transaction.on_commit(lambda: append([entry]), robust=True)


def append(entries: list[Entry]) -> None:
    """Add entries to the file, in one write, and wait until they are on the disk."""
    path = Path(settings.ERASURE_JOURNAL)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(asdict(entry)) + "\n" for entry in entries)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            lines = "\n" + lines  # the line before was cut short by a crash
        os.write(handle, lines.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path | None = None) -> Journal:
    """Return what the journal holds, in order; nothing when there is no file."""
    path = path or Path(settings.ERASURE_JOURNAL)
    journal = Journal()
    if not path.exists():
        return journal
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = Entry(**json.loads(line))
            known = entry.reason in REASONS and bool(entry.moment.tzinfo) and isinstance(entry.hash, str)
        except (TypeError, ValueError):
            known = False
        if known:
            journal.entries.append(entry)
        else:
            journal.unreadable.append(number)
    return journal


def merge(path: Path) -> int:
    """Take entries over from another copy of the journal, in the order in which things happened; return how many.

    What is there stays, also the lines that cannot be read: when something is new, the file is kept as it was beside
    the merged one, which takes its place in one step.
    """
    here, there = Path(settings.ERASURE_JOURNAL), read(path).entries
    known = read().entries
    new = list(dict.fromkeys(there).keys() - {*known})
    if not new:
        return 0
    if here.exists():
        here.with_name(f"{here.name}.before-merge").write_bytes(here.read_bytes())
    here.parent.mkdir(parents=True, exist_ok=True)
    part = here.with_name(f"{here.name}.merging")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        for entry in sorted([*known, *new], key=lambda one: one.moment):
            file.write(json.dumps(asdict(entry)) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(here)
    return len(new)


def catch_up() -> int:
    """Write every suppression that the journal does not know, lost between commit and file; return how many."""
    known = {hash_ for hash_, entry in read().last(SUPPRESSING).items() if entry.reason != LIFTED}
    missing = [
        Entry(one.address_hash, one.reason, one.since.isoformat())
        for one in Suppression.objects.order_by("pk").iterator()
        if one.address_hash not in known
    ]
    if missing:
        append(missing)
    return len(missing)


@receiver(post_save, sender=Suppression)
def suppressed(instance: Suppression, created: bool, **kwargs: Any) -> None:
    if created:
        append_on_commit(instance.address_hash, instance.reason, instance.since)


@receiver(post_delete, sender=Suppression)
def lifted(instance: Suppression, **kwargs: Any) -> None:
    append_on_commit(instance.address_hash, LIFTED)


@receiver(post_save, sender=ConsentRecord)
def left_or_returned(instance: ConsentRecord, created: bool, **kwargs: Any) -> None:
    if not created or instance.purpose != ConsentRecord.Purpose.NEWS or instance.act == ConsentRecord.Act.ASKED:
        return
    reason = LEFT if instance.act == ConsentRecord.Act.WITHDRAWN else RETURNED
    append_on_commit(instance.member.user.address_hash, reason, instance.at)
