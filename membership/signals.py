"""Signals by which the rooms above may add something to what membership does."""

from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal


@dataclass(frozen=True)
class Reading:
    """Something worth reading at once: a title and its full address."""

    title: str
    link: str


# Sent before a welcome mail is written. Receivers return a `Reading`, or None.
welcoming = Signal()

# Sent when somebody has taken leaving the e-news back, within the same transaction; `subscription` is theirs.
returned = Signal()


def something_to_read() -> Reading | None:
    """The first thing that a receiver of `welcoming` offers."""
    answers: list[tuple[Any, Any]] = welcoming.send(sender=None)
    return next((answer for _, answer in answers if isinstance(answer, Reading)), None)
