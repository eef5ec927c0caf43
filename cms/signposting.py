"""Answering an enquirer by signposting: the words they get, and the one line that the enquiry log keeps.

The note and the address go into the mail and nowhere else: not into the database, the session, a log or the audit log.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from cms.mail import may_write_to, send_letter
from cms.models import Enquiry, Entry, Kind, Region, Sector, Topic
from cms.shortlist import NAME, Shortlist

SUBJECT = "Information from the i-HOP helpline"
FOR_MEMBERS = "Case study, for members of i-HOP. Joining is free."
# What an enquirer needs to act. The rest is on the entry's own page.
KEY_FACTS = (
    *("Telephone", "E-mail", "Open", "Area", "Who it helps", "How to refer"),
    *("When", "Where", "Apply by", "Amount", "Who can apply", "Provider", "Format", "Duration", "Cost"),
)


class AlreadyAnswered(Exception):
    """This very list was sent or printed before: a second click, or the page loaded again."""


class ListChanged(Exception):
    """The list is not the one that the adviser saw: it was changed in another window."""


@dataclass(frozen=True)
class Signpost:
    """One entry as the enquirer reads it. A case study has its title, `line` and address only."""

    title: str
    kind: str
    line: str
    facts: list[tuple[str, str]]
    address: str  # on our site
    link: str  # the organisation's own


@dataclass(frozen=True)
class Letter:
    """What the enquirer gets, by mail or on paper."""

    subject: str
    text: str
    html: str
    signposts: list[Signpost]
    note: str


def compose(*, entries: Sequence[Entry], note: str) -> Letter:
    """Write the letter about these entries (as `Shortlist.entries` gives them), without a trace of who reads it."""
    signposts = [_signpost(entry) for entry in entries]
    context = {
        "subject": SUBJECT,
        "signposts": signposts,
        "note": note,
        "helpline": settings.HELPLINE,
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
    }
    text = render_to_string("cms/email/signposting.txt", context)
    html = render_to_string("cms/email/signposting.html", context)
    return Letter(SUBJECT, text, html, signposts, note)


@transaction.atomic
def answer(
    *,
    session: SessionBase,
    key: str,
    adviser_id: int | None,
    sector: Sector | None,
    region: Region | None,
    topics: Iterable[Topic],
    note: str,
    address: str = "",
) -> Letter:
    """Answer with the session's list: by e-mail when there is an address (normalised), else on paper.

    Writes one Enquiry, empties the list and returns the letter. Raises AlreadyAnswered or ListChanged when `key` is not
    the key of the list, and PermissionError when the address must not be mailed. Of two clicks at once the second waits
    for the first and is refused.
    """
    list(Session.objects.select_for_update().filter(pk=session.session_key))
    stored = type(session)(session.session_key)  # another request may have written it since this one began
    kept = Shortlist(stored)
    if key != kept.key:
        raise AlreadyAnswered if key and key == kept.answered else ListChanged
    entries = kept.entries()
    if not entries:
        raise ListChanged
    if address and not may_write_to(address):
        raise PermissionError("This address must not be mailed.")
    letter = compose(entries=entries, note=note)
    enquiry = Enquiry.objects.create(
        adviser_id=adviser_id,
        made_at=timezone.now(),
        sector=sector,
        region=region,
        answered=Enquiry.Answered.EMAIL if address else Enquiry.Answered.PRINT,
    )
    enquiry.topics.set(topics)
    enquiry.entries.set(entries)
    kept.close()
    stored.save()
    session[NAME] = stored[NAME]
    if address:
        send_letter(address, letter.subject, text=letter.text, html=letter.html, reply_to=settings.TEAM_EMAIL)
    return letter


def _signpost(entry: Entry) -> Signpost:
    address = f"{settings.SITE_URL}/directory/{entry.slug}/"
    if entry.kind == Kind.CASE_STUDY:
        return Signpost(entry.title, entry.get_kind_display(), FOR_MEMBERS, [], address, "")
    known = dict(entry.facts())
    facts = [(label, str(known[label])) for label in KEY_FACTS if known.get(label)]
    return Signpost(entry.title, entry.get_kind_display(), entry.summary, facts, address, entry.link)
