"""What happened with one member, newest first: joining, consents, what they were sent, and what staff did."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wagtail.log_actions import registry
from wagtail.models import ModelLogEntry

from membership import held
from membership.models import ConsentRecord, Member

PAUSED, RESUMED, ENDED = "membership.pause", "membership.resume", "membership.end"
ASKED, CHANGED = "membership.ask", "membership.change"
IMPORTED, EXPORTED = "membership.import", "membership.export"
# As the audit log shows them: label in its filter, message in its lines.
LOG_ACTIONS = {
    PAUSED: ("Pause a member's e-news", "E-news paused"),
    RESUMED: ("Resume a member's e-news", "E-news resumed"),
    ENDED: ("End a member's e-news", "E-news ended"),
    ASKED: ("Send a confirmation mail again", "Confirmation mail sent again"),
    CHANGED: ("Change a member's choices", "Changed"),
    IMPORTED: ("Import members", "Members imported"),
    EXPORTED: ("Export members", "Members exported"),
}
# Of what other rooms hold (`held.py`), only what was sent concerns staff: what somebody reads or saves is their own.
SENT = "deliveries"


@dataclass(frozen=True)
class Event:
    """One line: when, what, how, and who of the staff did it (empty: the member or the service)."""

    at: datetime
    what: str
    how: str = ""
    by: str = ""


def events(member: Member) -> list[Event]:
    """Return everything that is known to have happened, newest first."""
    found = [Event(member.joined_at, "Registered")]
    found += [_consent(record) for record in member.consents.all()]
    for about in (member, member.user):
        found += [_change(entry) for entry in registry.get_logs_for_instance(about).select_related("user")]
    for source in held.sources():
        if source.name == SENT:
            found += [event for row in source.rows(member) if (event := _sent(row))]
    found.sort(key=lambda event: event.at)  # of the same moment, the first comes first
    return found[::-1]


def _consent(record: ConsentRecord) -> Event:
    what = f"{record.get_act_display()}: {record.get_purpose_display()}"
    how = f"{record.get_channel_display()}, wording of {record.wording_version}"
    return Event(record.at, what, how)


def _change(entry: ModelLogEntry) -> Event:
    by = str(entry.user) if entry.user_id and entry.user else ""
    return Event(entry.timestamp, str(entry.message), str(entry.data.get("note", "")), by)


def _sent(row: dict[str, Any]) -> Event | None:
    """One delivery, at the latest time it names."""
    times = [value for value in row.values() if isinstance(value, datetime)]
    words = [str(value) for value in row.values() if isinstance(value, str) and value]
    return Event(max(times), "E-news: " + ", ".join(words)) if times else None
