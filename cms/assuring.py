"""“Is this still correct?”: asking the contacts of entries by mail, and taking their answers.

The database is the truth: whoever is due is found by asking it, so a missed day is made up, and a second run finds
nobody. Nobody is asked about a case study, whose mail would show what only members may read.
"""

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from wagtail.log_actions import log

from cms.addresses import normalise_address
from cms.caring import ASKED, SOON, mark_checked, with_contact
from cms.mail import may_write_to, send_to_stranger
from cms.models import AssuranceRequest, Entry, Kind
from cms.tokens import hash_of, new_token

VALID = timedelta(days=60)  # how long the link of a mail answers
AGAIN_AFTER = timedelta(days=30)  # between two mails about one entry
AT_MOST = 3  # mails about one entry without an answer
PRESSED_TWICE = timedelta(days=1)  # an editor who asks again within it is told that the contact was asked
PER_MAIL = 30  # entries in one mail; the others of the same contact follow another day
CONTACTS = 50  # addresses that one transaction writes to
PER_RUN = 500  # entries asked about in one run
SECONDS = 120.0
SUBJECT = "Is your listing in the i-HOP directory still correct?"

Answer = AssuranceRequest.Answer


class CannotAsk(Exception):
    """Why nobody can be asked about an entry, and what to do about it, in one sentence."""


def ask_contacts(*, at_most: int = PER_RUN, seconds: float = SECONDS) -> int:
    """Write to the contacts of entries that are due, each once for all its entries; return how many were asked about.

    May be run at any time, by several processes at once. While sending is disarmed nothing is done.
    """
    if not settings.SENDING_ARMED:
        return 0
    until = time.monotonic() + seconds
    asked, after = 0, ""
    while asked < at_most and time.monotonic() < until:
        further = to_ask(timezone.now()).filter(contact__gt=after).order_by("contact")
        contacts = list(further.values_list("contact", flat=True).distinct()[:CONTACTS])
        if not contacts:
            break
        asked += _ask(contacts, at_most - asked)
        after = contacts[-1]
    return asked


def to_ask(now: datetime) -> Any:
    """Entries whose contacts are to be asked: due, still of use, not asked for 30 days, and not three times in vain."""
    today = timezone.localdate(now)
    asked = AssuranceRequest.objects.filter(entry=OuterRef("pk"))
    answered_later = AssuranceRequest.objects.filter(
        entry=OuterRef("entry"), answered_at__isnull=False, asked_at__gte=OuterRef("asked_at")
    )
    never = Value(date(2000, 1, 1))
    in_vain = asked.filter(~Exists(answered_later), asked_at__date__gt=Coalesce(OuterRef("assured_on"), never))
    return _askable().filter(
        ~Exists(asked.filter(asked_at__gt=now - AGAIN_AFTER)),
        ~Exists(asked.filter(answered_at__isnull=False, done_at=None)),
        ~Exists(in_vain[AT_MOST - 1 :]),
        Q(expires_on=None) | Q(expires_on__gte=today),
        review_due__lte=today + SOON,
    )


@transaction.atomic
def ask_now(*, entry: Entry, by: Any) -> None:
    """Ask an entry's contact because an editor wants to know. Raises CannotAsk."""
    if not settings.SENDING_ARMED:
        raise CannotAsk("Nobody was asked, because sending is switched off on this installation.")
    Entry.objects.select_for_update(of=("self",)).filter(pk=entry.pk).first()
    page = _askable().filter(pk=entry.pk).specific().first()
    if not page:
        raise CannotAsk("Nobody can be asked about this entry: give it an address under “Who confirms it”.")
    now = timezone.now()
    if AssuranceRequest.objects.filter(entry=page, asked_at__gt=now - PRESSED_TWICE).exists():
        raise CannotAsk("The contact was asked within the last day: wait for the answer.")
    if not _write([page], page.contact, now):
        raise CannotAsk("This address is never mailed: ask by telephone, or give the entry another address.")
    log(page, ASKED, user=by)


def find(token: str) -> AssuranceRequest | None:
    """The mail that a link belongs to; None when it is unknown, too old, followed by another, or its entry has gone."""
    asked = AssuranceRequest.objects.select_related("entry").filter(token_hash=hash_of(token)).first()
    if not asked or asked.asked_at < timezone.now() - VALID:
        return None
    if not asked.entry.live or asked.entry.kind == Kind.CASE_STUDY:
        return None
    newer = AssuranceRequest.objects.filter(entry=asked.entry_id, asked_at__gt=asked.asked_at)
    return None if newer.exists() else asked


@transaction.atomic
def answer(*, asked: AssuranceRequest, choice: str, text: str = "") -> None:
    """Take a contact's answer; `choice` is one of `Answer`. The same one again changes nothing, another replaces it.

    “Still correct” moves the entry's next check on. Anything else waits for an editor, and changes no page by itself.
    """
    locked = AssuranceRequest.objects.select_for_update().select_related(None).get(pk=asked.pk)
    if (locked.answer, locked.text) == (choice, text):
        return
    now = timezone.now()
    locked.answer, locked.text, locked.answered_at = choice, text, now
    locked.done_at = now if choice == Answer.CORRECT else None
    locked.save(update_fields=["answer", "text", "answered_at", "done_at"])
    if choice == Answer.CORRECT:
        mark_checked(entry=asked.entry)


def _askable() -> Any:
    """Live entries that have a contact, but for case studies; a query set of Wagtail's, which has no types."""
    return with_contact(Entry.objects.live().exclude(kind=Kind.CASE_STUDY)).exclude(contact="")


@transaction.atomic
def _ask(contacts: Sequence[str], at_most: int) -> int:
    """Ask these contacts about whatever is due. Each entry is locked first, so that two runs never ask twice."""
    now = timezone.now()
    due = to_ask(now).filter(contact__in=contacts).order_by("contact", "review_due", "pk")
    pks = list(due.values_list("pk", flat=True)[:at_most])
    list(Entry.objects.filter(pk__in=pks).order_by("pk").select_for_update(of=("self",)).values_list("pk"))
    entries = due.filter(pk__in=pks).specific()
    return sum(
        _write(list(group)[:PER_MAIL], contact, now) for contact, group in groupby(entries, lambda entry: entry.contact)
    )


def _write(entries: Sequence[Any], contact: str, now: datetime) -> int:
    """One mail about these entries; return their number, or 0 when the address may not be mailed."""
    try:
        address = normalise_address(contact)
    except ValueError:
        return 0
    if not may_write_to(address):
        return 0
    tokens = [new_token() for _ in entries]
    AssuranceRequest.objects.bulk_create(
        AssuranceRequest(entry_id=entry.pk, token_hash=hashed, asked_at=now)
        for entry, (_, hashed) in zip(entries, tokens, strict=True)
    )
    listings = [
        {
            "entry": entry,
            "facts": [(label, value) for label, value in entry.facts() if value],
            "link": settings.SITE_URL + reverse("still_correct", args=[token]),
        }
        for entry, (token, _) in zip(entries, tokens, strict=True)
    ]
    send_to_stranger(
        address,
        SUBJECT,
        "cms/email/assurance_ask.txt",
        listings=listings,
        several=len(listings) > 1,
        days=VALID.days,
        team_email=settings.TEAM_EMAIL,
    )
    return len(listings)
