"""What people send from the forms at `/submit/`, and how they confirm it."""

import re
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import time_machine
from django.conf import settings
from django.utils import timezone

from cms import submitting
from cms.models import Submission
from cms.submission_forms import QUICKEST

PERSON = {"name": "Sam Sample", "email": "sam@example.org", "organisation": "Sample Trust"}
WORDS = {
    "service": {
        "title": "Saturday visits bus",
        "summary": "A free bus to the prison for families.",
        "publisher": "Sample Trust",
        "area": "North Tyneside",
        "reader": "families",
    },
    "resource": {
        "title": "A book for bedtime",
        "summary": "For children whose father is away.",
        "publisher": "Sample Trust",
        "format": "book",
        "reader": "children",
        "link": "https://www.example.org/book",
    },
    "event": {
        "title": "A day on visits",
        "summary": "How a visit looks to a child.",
        "publisher": "Sample Trust",
        "day": f"{timezone.now() + timedelta(days=60):%Y-%m-%d}",
        "begins": "09:30",
        "ends": "16:00",
        "place": "Leeds",
    },
    "case-study": {
        "title": "A quiet corner",
        "summary": "What changed when the hall got a corner for children.",
        "setting": "A visits hall",
        "body": "We moved the chairs.\n\nThen we waited.",
        "nobody_known": "on",
        "families_agreed": "on",
    },
}
# The text fields of each form, each of which somebody may fill with anything.
TEXTS = ["title", "summary", "body", "publisher", "area", "who_it_helps", "how_to_refer", "cost", "phone"]
TEXTS += ["opening_hours", "setting", "what_changed", "place", "name", "organisation"]


def offer(client, kind="service", *, drop=(), **fields):
    """Open the form of a kind, take one's time, and send it."""
    page = client.get(f"/submit/{kind}/")
    opened = page.context["form"]["opened"].value()
    data = {**PERSON, **WORDS[kind], "opened": opened, **fields}
    with time_machine.travel(timezone.now() + QUICKEST + timedelta(seconds=1)):
        return client.post(f"/submit/{kind}/", {name: value for name, value in data.items() if name not in drop})


def mails(about=""):
    """What stands in the outbox, oldest first, as messages whose subject holds these words."""
    files = sorted((Path(settings.OUTBOX_DIR) / "accounts").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    found = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [mail for mail in found if about in mail["Subject"]]


def confirmation(mail):
    """The path of the link in a mail."""
    (link,) = re.findall(r"https?://\S+/submit/confirm/\S+", mail.get_content())
    return urlsplit(link).path


def waiting(kind="service", *, email="sam@example.org", title="", **words):
    """A submission that has been confirmed, without its mails."""
    base = {name: value for name, value in WORDS[kind].items() if name not in {"title", "day", "begins", "ends"}}
    if kind == "event":
        base["starts_at"] = (timezone.now() + timedelta(days=60)).isoformat()
    made = submitting.submit(
        kind=kind,
        title=title or WORDS[kind]["title"],
        words={**base, **words},
        name="Sam Sample",
        email=email,
        organisation="Sample Trust",
    )
    assert made
    submitting.confirm(submission=made)
    return Submission.objects.get(pk=made.pk)
