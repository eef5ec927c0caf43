"""Months: an issue covers one, named like `2026-10`, that ends at midnight in Europe/London."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format

FORM = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
CORRECTION = re.compile(r"-c[1-9]\d{0,2}")


@dataclass(frozen=True, order=True)
class Period:
    """One calendar month."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read `2026-10`. Raises ValueError with a sentence that says what is expected."""
        match = FORM.fullmatch(text.strip())
        if not match or int(match[1]) < 2000:
            raise ValueError(f"“{text}” is not a month: write it like 2026-10.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def containing(cls, day: date) -> "Period":
        return cls(day.year, day.month)

    @property
    def previous(self) -> "Period":
        return Period(self.year - 1, 12) if self.month == 1 else Period(self.year, self.month - 1)

    @property
    def next(self) -> "Period":
        return Period(self.year + 1, 1) if self.month == 12 else Period(self.year, self.month + 1)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def ends_quarter(self) -> bool:
        """Whether it is March, June, September or December."""
        return self.month % 3 == 0

    @property
    def quarter_end(self) -> "Period":
        """The last month of its quarter, which may be itself."""
        return Period(self.year, (self.month + 2) // 3 * 3)

    @property
    def cutoff(self) -> datetime:
        """The first moment that no longer belongs to the month, in the site's time zone."""
        return timezone.make_aware(datetime(self.next.year, self.next.month, 1))

    @property
    def title(self) -> str:
        return date_format(self.first_day, "F Y")

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def validate_name(text: str) -> None:
    """Check the name of an issue (`2026-10`) or of a correction of something in it (`2026-10-c1`)."""
    try:
        Period.parse(text[:7])
    except ValueError as error:
        raise ValidationError(str(error)) from error
    if text[7:] and not CORRECTION.fullmatch(text[7:]):
        raise ValidationError(f"“{text}” is no issue: write it like 2026-10, or 2026-10-c1 for a correction.")
