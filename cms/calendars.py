"""Events as iCalendar (RFC 5545): one, and all that are still to come."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
from django.conf import settings
from django.utils import timezone

from cms.feeds import LONG_AGO
from cms.models import Event, Kind
from cms.models.kinds import FIRST_YEAR, YEARS_AHEAD
from cms.open_data import entry_address, open_entries, plain

MAX_EVENTS = 500
ASK_AGAIN = timedelta(hours=12)


def open_event(slug: str) -> Event | None:
    """The event at this address, past or to come, if everybody may know of it."""
    if "\0" in slug:  # PostgreSQL takes it in no query
        return None
    entry = open_entries().filter(kind=Kind.EVENT, slug=slug).first()
    return Event.objects.filter(pk=entry.pk).first() if entry else None


def coming_events(today: date) -> list[Event]:
    """Open events that are not over on `today`, the next one first."""
    found = open_entries().filter(kind=Kind.EVENT, expires_on__gte=today).order_by("key_date", "pk")
    keys = list(found.values_list("pk", flat=True)[:MAX_EVENTS])
    return sorted(Event.objects.filter(pk__in=keys), key=lambda event: (event.starts_at, event.pk))


def calendar_of(events: Sequence[Event], *, name: str = "") -> bytes:
    """An iCalendar file: the same events give the same bytes. A `name` makes it one to subscribe to.

    Times carry Europe/London and the file says when its clocks change, so that 10am stays 10am on either side.
    """
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//i-HOP//Directory//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    if name:
        calendar.add("x-wr-calname", name)
        calendar.add("x-wr-timezone", settings.TIME_ZONE)
        calendar.add("refresh-interval", ASK_AGAIN, parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", ASK_AGAIN)
    for event in events:
        calendar.add_component(_component(event))
    if events:
        years = [_year(moment) for event in events for moment in (event.starts_at, event.ends_at) if moment]
        calendar.add_missing_timezones(date(min(years) - 1, 1, 1), date(max(years) + 2, 1, 1))
    content: bytes = calendar.to_ical()
    return content


def _component(event: Event) -> icalendar.Event:
    changed = event.last_published_at or event.first_published_at or LONG_AGO
    found = icalendar.Event()
    found.add("uid", f"{event.translation_key}@i-hop")
    # Without METHOD, DTSTAMP is when the event was last changed: nothing in the file depends on when it is read.
    found.add("dtstamp", changed)
    found.add("last-modified", changed)
    found.add("summary", plain(event.title))
    found.add("dtstart", _here(event.starts_at))
    if event.ends_at:
        found.add("dtend", _here(event.ends_at))
    place = plain(event.place)
    found.add("location", f"{place} (and online)" if event.online and place.lower() != "online" else place)
    lines = [plain(event.summary), f"Cost: {plain(event.cost)}" if event.cost else "", event.link, entry_address(event)]
    found.add("description", "\n".join(line for line in lines if line))
    found.add("url", entry_address(event))
    return found


def _year(moment: datetime) -> int:
    """The year, or the nearest for which the file says when clocks change: one odd event must not break the others."""
    return min(max(moment.year, FIRST_YEAR), timezone.localdate().year + YEARS_AHEAD + 1)


def _here(moment: datetime) -> datetime:
    return timezone.localtime(moment, ZoneInfo(settings.TIME_ZONE))
