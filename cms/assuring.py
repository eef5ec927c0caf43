"""“Is this still correct?”: asking the contacts of entries by mail, and taking their answers.

The database is the truth: whoever is due is found by asking it, so a missed day is made up, and a second run finds
nobody. Nobody is asked about a case study, whose mail would show what only members may read.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from wagtail.log_actions import log

from cms import arming
from cms.addresses import normalise_address
from cms.caring import ASKED, SOON, mark_checked, with_contact
from cms.mail import deliver, hand_over, letter_to_stranger, may_write_to
from cms.models import AssuranceRequest, Entry, Kind
from cms.open_data import open_entries
from cms.tokens import hash_of, new_token

VALID = timedelta(days=60)  # how long the link of a mail answers
AGAIN_AFTER = timedelta(days=30)  # between two mails about one entry
AT_MOST = 3  # mails about one entry without an answer
PRESSED_TWICE = timedelta(days=1)  # an editor who asks again within it is told that the contact was asked
PER_MAIL = 30  # entries in one mail; the others of the same contact follow another day
A_DAY = timedelta(hours=20)  # between two mails to one contact; the task runs several times a morning
CONTACTS = 50  # addresses that are looked up in one go
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
    if arming.examine():
        return 0
    until = time.monotonic() + seconds
    asked = tried = 0
    for contact in _contacts():
        if tried >= at_most or time.monotonic() >= until:
            break
        if not (address := _reachable(contact)):
            continue
        requests, message = _begin(contact, address, min(PER_MAIL, at_most - tried))
        tried += len(requests)
        if message is None:
            continue
        # Delivered here rather than behind our back, so that no row says “asked” of a mail that never left.
        if deliver(message) or not may_write_to(address):
            asked += len(requests)
        else:
            AssuranceRequest.objects.filter(pk__in=[one.pk for one in requests]).delete()
    return asked


def to_ask(now: datetime) -> Any:
    """Entries whose contacts are to be asked: due, still of use, not asked for 30 days, and not three times in vain.

    Contacts who were asked about any of their entries within the day are left out.
    """
    today = timezone.localdate(now)
    asked = AssuranceRequest.objects.filter(entry=OuterRef("pk"))
    answered_later = AssuranceRequest.objects.filter(
        entry=OuterRef("entry"), answered_at__isnull=False, asked_at__gte=OuterRef("asked_at")
    )
    never = Value(date(2000, 1, 1))
    in_vain = asked.filter(~Exists(answered_later), asked_at__date__gt=Coalesce(OuterRef("assured_on"), never))
    lately = AssuranceRequest.objects.filter(asked_at__gt=now - A_DAY).values("entry")
    written_to = with_contact(Entry.objects.filter(pk__in=lately)).order_by().values("contact")
    return _askable().filter(
        ~Q(contact__in=written_to),
        ~Exists(asked.filter(asked_at__gt=now - AGAIN_AFTER)),
        ~Exists(asked.filter(answered_at__isnull=False, done_at=None)),
        ~Exists(in_vain[AT_MOST - 1 :]),
        Q(expires_on=None) | Q(expires_on__gte=today),
        review_due__lte=today + SOON,
    )


@transaction.atomic
def ask_now(*, entry: Entry, by: Any) -> None:
    """Ask an entry's contact because an editor wants to know. Raises CannotAsk."""
    if arming.examine():
        raise CannotAsk("Nobody was asked, because sending is switched off on this installation.")
    Entry.objects.select_for_update(of=("self",)).filter(pk=entry.pk).first()
    page = _askable().filter(pk=entry.pk).specific().first()
    if not page:
        raise CannotAsk("Nobody can be asked about this entry: give it an address under “Who confirms it”.")
    now = timezone.now()
    if AssuranceRequest.objects.filter(entry=page, asked_at__gt=now - PRESSED_TWICE).exists():
        raise CannotAsk("The contact was asked within the last day: wait for the answer.")
    if not (address := _reachable(page.contact)):
        raise CannotAsk("This address is never mailed: ask by telephone, or give the entry another address.")
    _, message = _write([page], address, now)
    hand_over(message, to_stranger=True)
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
    """Open entries that have a contact, but for case studies; a query set of Wagtail's, which has no types."""
    return with_contact(open_entries().exclude(kind=Kind.CASE_STUDY)).exclude(contact="")


def _contacts() -> Iterator[str]:
    """Whoever is to be asked, each address once, in the order of the alphabet."""
    after = ""
    while True:
        further = to_ask(timezone.now()).filter(contact__gt=after).order_by("contact")
        found = list(further.values_list("contact", flat=True).distinct()[:CONTACTS])
        if not found:
            return
        yield from found
        after = found[-1]


def _reachable(contact: str) -> str:
    """The address to write to; empty when it is none, or may not be mailed."""
    try:
        address = normalise_address(contact)
    except ValueError:
        return ""
    return address if may_write_to(address) else ""


@transaction.atomic(durable=True)
def _begin(contact: str, address: str, at_most: int) -> tuple[list[AssuranceRequest], EmailMessage | None]:
    """Note that a contact is asked about what is due, and return the mail to deliver after this is committed.

    The entries are locked first and looked at again, so that two runs never ask twice; None if nothing is left.
    """
    now = timezone.now()
    due = to_ask(now).filter(contact=contact).order_by("review_due", "pk")
    pks = list(due.values_list("pk", flat=True)[:at_most])
    list(Entry.objects.filter(pk__in=pks).order_by("pk").select_for_update(of=("self",)).values_list("pk"))
    entries = list(due.filter(pk__in=pks).specific())
    return _write(entries, address, now) if entries else ([], None)


def _write(entries: Sequence[Any], address: str, now: datetime) -> tuple[list[AssuranceRequest], EmailMessage]:
    """Note a mail about these entries, and return what was noted and the mail."""
    tokens = [new_token() for _ in entries]
    requests = AssuranceRequest.objects.bulk_create(
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
    message = letter_to_stranger(
        address,
        SUBJECT,
        "cms/email/assurance_ask.txt",
        listings=listings,
        several=len(listings) > 1,
        days=VALID.days,
        team_email=settings.TEAM_EMAIL,
    )
    return requests, message
