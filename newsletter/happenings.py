"""Happenings: what people, and the service itself, did with the sending of an issue, from the audit log of its page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wagtail.log_actions import registry
from wagtail.models import PageLogEntry

from newsletter.models import Issue, Schedule

SHOWN = 200  # more were never seen; the page's history has them all
ACTIONS = [
    f"newsletter.{act}"
    for act in ("approve", "withdraw", "schedule", "unschedule", "freeze", "send_now", "send", "pause", "resume")
] + ["newsletter.cancel", "newsletter.decide", "newsletter.certify"]


@dataclass(frozen=True)
class Happening:
    """One act: when, by whom (nobody: the service itself, or the console), and in words with its reason."""

    at: datetime
    action: str
    who: str
    words: str
    data: dict[str, Any]


def happenings(issue: Issue) -> list[Happening]:
    """Return the latest SHOWN acts, the oldest first, in one statement."""
    entries = PageLogEntry.objects.filter(page=issue.pk, action__in=ACTIONS).select_related("user")
    latest = entries.order_by("-timestamp", "-pk")[:SHOWN]
    return [
        Happening(
            at=entry.timestamp,
            action=entry.action,
            who=str(entry.user) if entry.user else "",
            words=str(registry.get_formatter(entry).format_message(entry)),
            data=entry.data,
        )
        for entry in reversed(latest)
    ]


def who_started(happened: list[Happening], schedule: Schedule | None) -> str:
    """Say who had an issue sent, in a sentence; nothing while it has not been started."""
    started = next((one for one in happened if one.action == "newsletter.send"), None)
    if not started:
        return ""
    asked = next((one for one in happened if one.action == "newsletter.send_now"), None)
    if asked:
        return f"Started by {asked.who}."
    if schedule and schedule.send_at <= started.at:
        return f"Started by itself, at the time that {schedule.by or 'somebody'} had chosen."
    return "Started at the console by whoever runs the service."
