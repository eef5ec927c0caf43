"""Erasure: everything of a person goes, in one transaction, but for the keyed hash of their address.

The delivery ledger keeps its row without the person (counts must add up), provider events and hits go: each source of
`held.py` says what it forgets. Consent records go too, because `Member.erased_at` is set first (`triggers.py`).
"""

import logging
from collections.abc import Collection

from django.contrib.auth.models import Permission
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from cms.addresses import address_hash
from cms.erasing import Forgotten, forget_addresses
from cms.models import CaseStudy
from membership import held, journal
from membership.letters import letter
from membership.models import Member, Suppression, User

logger = logging.getLogger(__name__)

STAFF = "This account may enter the editors’ area. An administrator must take that right away before it is erased."
REVIEWER = "This person is named as the reviewer of a case study. Name another reviewer there before erasing them."


class CannotErase(ValueError):
    """Why an account cannot be erased yet, as a sentence for whoever asked."""


@transaction.atomic
def erase(user: User, *, tell: bool = True) -> bool:
    """Erase everything held about a person; return False when they have gone already.

    With `tell`, a last mail says so, after the commit. A message being handed over at this moment is finished as usual
    and then has no person. Raises CannotErase for people with a part in the site itself (editors, reviewers).
    """
    found = User.objects.select_for_update().filter(pk=user.pk).first()
    if not found:
        return False
    if why := held_back([found.pk]).get(found.pk):
        raise CannotErase(why)
    message = letter(found.email, found.first_name, "We have erased you from i-HOP", "membership/email/erased.txt")
    forget_sessions({found.pk})
    erase_all([found])
    if tell:
        transaction.on_commit(lambda: message.send() and None, robust=True)
    return True


@transaction.atomic
def erase_all(users: Collection[User]) -> int:
    """Erase these people, without a word to them and without looking whether anything holds them back.

    As many queries for a thousand as for one. Leaves each address on the suppression list as a keyed hash (with the
    reason it was there for, if it was), and an entry in the journal.
    """
    now = timezone.now()
    entries = [
        journal.Entry(hash_, reason, now.isoformat())
        for user in users
        for hash_, reason in (
            (user.address_hash, Suppression.Reason.ERASED.value),
            (journal.account_hash(user), journal.ACCOUNT),
        )
    ]
    Suppression.objects.bulk_create(
        [Suppression(address_hash=user.address_hash, reason=Suppression.Reason.ERASED, since=now) for user in users],
        ignore_conflicts=True,
    )
    # Before `_delete`, and not for accounts that are discarded: those never proved that an address is theirs.
    forget_addresses([user.email for user in users])
    _delete(users)
    transaction.on_commit(lambda: journal.append(entries), robust=True)
    logger.info("accounts erased: %s", [user.pk for user in users])
    return len(users)


@transaction.atomic
def erase_stranger(address: str) -> Forgotten:
    """Forget what somebody without an account offered or wrote to us, by their normalised address.

    Leaves no suppression, since nobody asked not to be mailed: who offers something again is answered. The journal is
    written before the commit: nothing else knows of it, and a failure to write must be seen while there is something
    to erase. Raises OSError then.
    """
    forgotten = forget_addresses([address])
    if forgotten.anything:
        journal.append([journal.Entry(address_hash(address), journal.FORGOTTEN, timezone.now().isoformat())])
        logger.info("somebody without an account was erased")
    return forgotten


@transaction.atomic
def discard(users: Collection[User]) -> int:
    """Delete accounts that never came to be, since nobody confirmed them: no suppression, no journal, no mail."""
    _delete(users)
    return len(users)


def _delete(users: Collection[User]) -> None:
    pks = [user.pk for user in users]
    Member.objects.filter(user__in=pks).update(erased_at=timezone.now())
    members = {member.user_id: member for member in Member.objects.filter(user__in=pks).select_related("user")}
    held.forget([members.get(user.pk) or Member(user=user) for user in users])
    User.objects.filter(pk__in=pks).delete()


def held_back(pks: Collection[int]) -> dict[int, str]:
    """Which of these accounts may not be erased as they are, and why."""
    enters = Permission.objects.filter(codename="access_admin", content_type__app_label="wagtailadmin")
    staff = User.objects.filter(pk__in=pks).filter(
        Q(is_staff=True) | Q(is_superuser=True) | Q(groups__permissions__in=enters) | Q(user_permissions__in=enters)
    )
    reviewers = CaseStudy.objects.filter(anonymity_checked_by__in=pks).values_list("anonymity_checked_by", flat=True)
    return dict.fromkeys(reviewers, REVIEWER) | dict.fromkeys(staff.values_list("pk", flat=True), STAFF)


def forget_sessions(users: Collection[int]) -> int:
    """End every session of these accounts. Sessions are opaque, so all that are running are read, once."""
    wanted = {str(pk) for pk in users}
    store = SessionStore()
    running = Session.objects.filter(expire_date__gt=timezone.now()).iterator()
    keys = [one.session_key for one in running if store.decode(one.session_data).get("_auth_user_id") in wanted]
    for start in range(0, len(keys), 500):
        Session.objects.filter(session_key__in=keys[start : start + 500]).delete()
    return len(keys)
