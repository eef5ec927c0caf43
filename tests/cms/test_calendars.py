"""Events as iCalendar: what a calendar reads of them, also when clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import PageViewRestriction

from cms.models import Event, Kind
from tests.factories import entry

pytestmark = pytest.mark.django_db

LONDON = ZoneInfo("Europe/London")


def at(*moment):
    return datetime(*moment, tzinfo=LONDON)


def read(client, address="/calendar/events.ics"):
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(response.content)


def test_an_event_is_read_as_it_was_written(client):
    page = entry(
        Kind.EVENT,
        title="Hidden sentence, a seminar; online",
        slug="seminar",
        summary="What happens\nto children.",
        starts_at=at(2026, 12, 4, 10),
        ends_at=at(2026, 12, 4, 16),
        place="Town hall, Leeds",
        online=True,
        cost="Free",
        link="https://seminar.example.org/",
    )
    address = reverse("event_calendar", kwargs={"slug": "seminar"})
    assert address == "/calendar/seminar.ics"
    (event,) = read(client, address).walk("VEVENT")
    assert str(event["summary"]) == "Hidden sentence, a seminar; online"
    assert str(event["uid"]) == f"{page.translation_key}@i-hop"
    assert str(event["location"]) == "Town hall, Leeds (and online)"
    assert str(event["url"]) == "http://localhost:8000/directory/seminar/"
    assert event["dtstart"].params["TZID"] == "Europe/London"
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (at(2026, 12, 4, 10), at(2026, 12, 4, 16))
    assert event.decoded("last-modified") == page.last_published_at
    assert str(event["description"]).splitlines() == [
        "What happens to children.",
        "Cost: Free",
        "https://seminar.example.org/",
        "http://localhost:8000/directory/seminar/",
    ]


@pytest.mark.parametrize(
    ("start", "offset"),
    [
        ((2026, 10, 24, 10), 1),
        ((2026, 10, 25, 0, 30), 1),
        ((2026, 10, 25, 10), 0),
        ((2027, 3, 27, 10), 0),
        ((2027, 3, 28, 10), 1),
        ((2026, 3, 28, 10), 0),
        ((2026, 3, 29, 10), 1),
    ],
    ids=str,
)
def test_ten_stays_ten_when_clocks_change(client, start, offset):
    moment = at(*start)
    entry(Kind.EVENT, slug="seminar", starts_at=moment, ends_at=moment + timedelta(hours=1))
    response = client.get("/calendar/seminar.ics")
    written = moment.strftime("%Y%m%dT%H%M%S")
    assert f"DTSTART;TZID=Europe/London:{written}".encode() in response.content
    # What the file itself says of its zone gives the same moment, for a calendar that knows no zones.
    zone = next(iter(icalendar.Calendar.from_ical(response.content).walk("VTIMEZONE"))).to_tz()
    naive = moment.replace(tzinfo=None)
    assert naive.replace(tzinfo=zone).utcoffset() == timedelta(hours=offset)
    (event,) = icalendar.Calendar.from_ical(response.content).walk("VEVENT")
    assert event.decoded("dtstart").astimezone(UTC) == moment.astimezone(UTC)


def test_an_event_across_the_change_of_clocks_keeps_both_ends(client):
    entry(Kind.EVENT, slug="night", starts_at=at(2026, 10, 24, 22), ends_at=at(2026, 10, 25, 6))
    (event,) = read(client, "/calendar/night.ics").walk("VEVENT")
    length = event.decoded("dtend").astimezone(UTC) - event.decoded("dtstart").astimezone(UTC)
    assert length == timedelta(hours=9)


def test_an_event_without_an_end_claims_none(client):
    entry(Kind.EVENT, slug="open-end", starts_at=at(2026, 12, 4, 10))
    (event,) = read(client, "/calendar/open-end.ics").walk("VEVENT")
    assert "dtend" not in event


@time_machine.travel(at(2026, 11, 20, 9), tick=False)
def test_the_calendar_holds_what_is_still_to_come(client):
    entry(Kind.EVENT, title="Later", starts_at=at(2027, 1, 5, 10))
    entry(Kind.EVENT, title="Goes on", starts_at=at(2026, 11, 19, 10), ends_at=at(2026, 11, 21, 12))
    entry(Kind.EVENT, title="Today", starts_at=at(2026, 11, 20, 8))
    entry(Kind.EVENT, title="Past", starts_at=at(2026, 11, 18, 10))
    entry(Kind.EVENT, title="Draft", starts_at=at(2026, 12, 5, 10), live=False)
    calendar = read(client)
    assert [str(event["summary"]) for event in calendar.walk("VEVENT")] == ["Goes on", "Today", "Later"]
    assert str(calendar["x-wr-calname"]) == "i-HOP events"
    assert calendar["refresh-interval"].params["VALUE"] == "DURATION"
    assert len(calendar.walk("VTIMEZONE")) == 1


def test_a_calendar_without_events_is_one(client):
    assert read(client).walk("VEVENT") == []


def test_who_has_it_already_is_told_so(client):
    page = entry(Kind.EVENT, slug="seminar")
    for address in ("/calendar/events.ics", "/calendar/seminar.ics"):
        etag = client.get(address)["ETag"]
        assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
    Event.objects.filter(pk=page.pk).update(place="Elsewhere")
    assert client.get("/calendar/seminar.ics", headers={"If-None-Match": etag}).status_code == 200


def test_drafts_other_kinds_and_private_events_have_no_calendar(client):
    entry(Kind.EVENT, slug="draft", live=False)
    entry(Kind.RESOURCE, slug="leaflet")
    private = entry(Kind.EVENT, slug="private")
    PageViewRestriction.objects.create(page=private, restriction_type=PageViewRestriction.LOGIN)
    for slug in ("draft", "leaflet", "private", "nothing", "%00"):
        assert client.get(f"/calendar/{slug}.ics").status_code == 404
    assert b"VEVENT" not in client.get("/calendar/events.ics").content


@pytest.mark.parametrize("year", [1, 1066, 9999])
def test_an_event_in_an_odd_year_breaks_no_calendar(client, year):
    page = entry(Kind.EVENT, slug="odd", starts_at=at(2026, 12, 4, 10))
    entry(Kind.EVENT, title="Seminar", slug="seminar", starts_at=at(date.today().year + 1, 7, 1, 10))
    end = datetime(year, 12, 31, 23, tzinfo=UTC)
    Event.objects.filter(pk=page.pk).update(starts_at=min(end, page.starts_at), ends_at=end, expires_on="9999-12-31")
    assert "Seminar" in [str(event["summary"]) for event in read(client).walk("VEVENT")]
    (event,) = read(client, "/calendar/odd.ics").walk("VEVENT")
    assert event.decoded("dtend").year == year


@pytest.mark.parametrize("years", [-2000, -60, 11, 5000])
@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_an_odd_year_is_refused_with_one_sentence(field, years):
    now = timezone.now()
    with pytest.raises(ValidationError) as problem:
        entry(Kind.EVENT, **{"starts_at": now, field: now.replace(year=now.year + years, day=1)})
    (sentence,) = problem.value.message_dict[field]
    assert sentence.startswith("Check the year: an event lies between 1970 and ")


def test_nobody_writes_lines_of_their_own_into_it(client):
    entry(Kind.EVENT, slug="bad", title="Bad\r\nATTENDEE:mailto:x@example.org", place="Here\r\nBEGIN:VALARM")
    (event,) = read(client, "/calendar/bad.ics").walk("VEVENT")
    assert "attendee" not in event
    assert not event.subcomponents


def test_the_cost_does_not_grow(client):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            client.get("/calendar/events.ics")
        return len(queries)

    entry(Kind.EVENT)
    small = cost()
    for _ in range(10):
        entry(Kind.EVENT)
    assert cost() == small
    assert small <= 3


def test_year_in_the_zone_reaches_the_event(client):
    year = date.today().year + 8
    entry(Kind.EVENT, slug="far", starts_at=at(year, 7, 1, 10))
    zone = next(iter(read(client, "/calendar/far.ics").walk("VTIMEZONE"))).to_tz()
    assert datetime(year, 7, 1, 10, tzinfo=zone).utcoffset() == timedelta(hours=1)
