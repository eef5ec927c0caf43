"""When the helpline is staffed: Monday to Friday between its hours, but not on the bank holidays of England."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import cast

import holidays
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

SATURDAY = 5
# From so many days ahead on, the name of a day alone leaves a reader counting.
SAY_THE_DATE = timedelta(days=4)


@dataclass(frozen=True)
class Opening:
    """Whether the helpline is open, and that in words, such as “Open now, until 5pm”."""

    open: bool
    words: str


def opening(now: datetime | None = None) -> Opening:
    """Say how the helpline stands at `now` (aware; the present when left out), by the clock of the site's time zone."""
    here = timezone.localtime(now)
    hours = cast(dict[str, int], settings.HELPLINE)
    opens, closes = hours["opens"], hours["closes"]
    today = here.date()
    if is_working_day(today) and opens <= here.hour < closes:
        return Opening(True, f"Open now, until {_hour(closes)}")
    before_hours = is_working_day(today) and here.hour < opens
    day = today if before_hours else next_working_day(today)
    return Opening(False, f"{_closed(today)}, opens {_day(day, today)} at {_hour(opens)}")


def is_working_day(day: date) -> bool:
    return day.weekday() < SATURDAY and day not in _bank_holidays()


def next_working_day(day: date) -> date:
    """The first working day after `day`."""
    day += timedelta(days=1)
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


@cache
def _bank_holidays() -> holidays.HolidayBase:
    """The library's calendar, which works each year out when it is first asked for, with the days given in lieu."""
    return holidays.country_holidays("GB", subdiv="ENG")


def _closed(today: date) -> str:
    at_home = today.weekday() < SATURDAY and not is_working_day(today)
    return "Closed today for the bank holiday" if at_home else "Closed"


def _day(day: date, today: date) -> str:
    if day == today:
        return "today"
    return date_format(day, "l j F" if day - today >= SAY_THE_DATE else "l")


def _hour(hour: int) -> str:
    """9 is “9am”, 12 is “noon”, 17 is “5pm”."""
    if hour == 12:
        return "noon"
    return f"{hour}am" if hour < 12 else f"{hour - 12}pm"
