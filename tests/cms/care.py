"""Entries that are due for review, and the mails that asked about them."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from cms.models import AssuranceRequest
from tests import factories


def today() -> date:
    return timezone.localdate()


def due(days: int, **fields: Any) -> Any:
    """A live entry whose review is due in so many days."""
    return factories.entry(review_due=today() + timedelta(days=days), **fields)


def asked(entry: Any, *, days: int = 1, answer: str = "", text: str = "", done: bool = False) -> AssuranceRequest:
    """A mail to the entry's contact so many days ago, with the answer it got."""
    at = timezone.now() - timedelta(days=days)
    return AssuranceRequest.objects.create(
        entry=entry,
        token_hash=f"{AssuranceRequest.objects.count():064}",
        asked_at=at,
        answer=answer,
        text=text,
        answered_at=at if answer else None,
        done_at=at if done or answer == AssuranceRequest.Answer.CORRECT else None,
    )
