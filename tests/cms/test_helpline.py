"""The helpline's panel: open or closed, and when it opens, by London's clock and the bank holidays of England."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from cms.helpline import Opening, opening

LONDON = ZoneInfo("Europe/London")


def at(*moment):
    return datetime(*moment, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("moment", "is_open", "words"),
    [
        (at(2026, 11, 18, 8, 59), False, "Closed, opens today at 9am"),
        (at(2026, 11, 18, 9, 0), True, "Open now, until 5pm"),
        (at(2026, 11, 18, 16, 59), True, "Open now, until 5pm"),
        (at(2026, 11, 18, 17, 0), False, "Closed, opens Thursday at 9am"),
        (at(2026, 11, 20, 17, 0), False, "Closed, opens Monday at 9am"),
        (at(2026, 11, 21, 11, 0), False, "Closed, opens Monday at 9am"),
        (at(2026, 4, 2, 18, 0), False, "Closed, opens Tuesday 7 April at 9am"),
        (at(2026, 4, 3, 10, 0), False, "Closed today for the bank holiday, opens Tuesday 7 April at 9am"),
        (at(2026, 4, 4, 10, 0), False, "Closed, opens Tuesday at 9am"),
        (at(2026, 4, 6, 8, 0), False, "Closed today for the bank holiday, opens Tuesday at 9am"),
        (at(2026, 4, 7, 9, 0), True, "Open now, until 5pm"),
        (at(2026, 12, 24, 16, 0), True, "Open now, until 5pm"),
        (at(2026, 12, 24, 17, 0), False, "Closed, opens Tuesday 29 December at 9am"),
        (at(2026, 12, 25, 12, 0), False, "Closed today for the bank holiday, opens Tuesday 29 December at 9am"),
        (at(2026, 12, 26, 12, 0), False, "Closed, opens Tuesday at 9am"),
        (at(2026, 12, 27, 12, 0), False, "Closed, opens Tuesday at 9am"),
        (at(2026, 12, 28, 12, 0), False, "Closed today for the bank holiday, opens Tuesday at 9am"),
        (at(2026, 12, 29, 9, 0), True, "Open now, until 5pm"),
        (at(2026, 12, 31, 20, 0), False, "Closed, opens Monday 4 January at 9am"),
        (at(2026, 1, 1, 10, 0), False, "Closed today for the bank holiday, opens Friday at 9am"),
    ],
    ids=[
        "a minute before it opens",
        "as it opens",
        "the last minute",
        "as it closes",
        "Friday evening",
        "Saturday",
        "the evening before Good Friday",
        "Good Friday",
        "Easter Saturday",
        "early on Easter Monday",
        "the Tuesday after Easter",
        "Christmas Eve",
        "Christmas Eve at closing time",
        "Christmas Day",
        "Boxing Day on a Saturday",
        "the Sunday after Christmas",
        "the day given for Boxing Day",
        "the day after Christmas",
        "New Year's Eve",
        "New Year's Day",
    ],
)
def test_helpline_says_when_it_is_there(moment, is_open, words):
    assert opening(moment) == Opening(is_open, words)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (datetime(2026, 3, 27, 8, 30, tzinfo=UTC), False),
        (datetime(2026, 3, 30, 8, 30, tzinfo=UTC), True),
        (datetime(2026, 10, 23, 16, 30, tzinfo=UTC), False),
        (datetime(2026, 10, 26, 16, 30, tzinfo=UTC), True),
    ],
    ids=["winter morning", "summer morning", "summer afternoon", "winter afternoon"],
)
def test_summer_time_moves_the_hours(moment, is_open):
    assert opening(moment).open == is_open


def test_hours_are_a_setting(settings):
    settings.HELPLINE = {**settings.HELPLINE, "opens": 8, "closes": 12}
    assert opening(at(2026, 11, 18, 11, 0)).words == "Open now, until noon"
    assert opening(at(2026, 11, 18, 12, 0)).words == "Closed, opens Thursday at 8am"


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/directory/"])
def test_every_page_shows_the_number_and_the_state_once(client, address):
    with time_machine.travel(at(2026, 12, 25, 12, 0)):
        text = client.get(address).content.decode()
    assert text.count("Closed today for the bank holiday, opens Tuesday 29 December at 9am") == 1
    assert 'href="tel:08088022013"' in text
