"""A backup that was put back: an issue that this copy calls unsent may have gone out."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from wagtail.models import ModelLogEntry

from newsletter.inspections.draft import Draft
from newsletter.inspections.findings import Finding, Level

ACTION = "newsletter.restore"  # as `catching_up.py` writes it
REMEMBERED = timedelta(days=92)


def look(draft: Draft) -> Iterator[Finding]:
    """Warn of every issue that can have been sent in what the copy has missed. One query."""
    notes = ModelLogEntry.objects.filter(action=ACTION, timestamp__gt=timezone.now() - REMEMBERED)
    note = notes.order_by("-timestamp").first()
    if note and draft.issue.month.first_day <= timezone.localdate(note.timestamp):
        sentence = (
            f"A copy {note.data['since']} was put back on {timezone.localdate(note.timestamp):%-d %B %Y}, and what was "
            "sent in between is not known here: make sure in the mail provider’s log that this issue has not gone out."
        )
        yield Finding("restored", Level.WARNING, sentence, "sender")
