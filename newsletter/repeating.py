"""Which unknown deliveries may be repeated under their key: those of the same provider, while it knows it (ADR 5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from newsletter.models import Delivery, Mailing
from newsletter.providers import PROVIDERS

LEFT_ALONE = timedelta(seconds=60)  # so long nothing is repeated: an event may settle it, a worker may come back
KEY_USED = 0.9  # of the time that the provider remembers a key, counted from the first hand-over


@dataclass(frozen=True)
class Window:
    """Deliveries handed over since `handed_since`, and unknown since before `ended_before`, may be repeated now."""

    handed_since: datetime
    ended_before: datetime


def window(provider: str) -> Window | None:
    """The window of a provider; None for one without keys."""
    known = PROVIDERS.get(provider)
    if not known or not known.idempotency_seconds:
        return None
    now = timezone.now()
    return Window(now - timedelta(seconds=known.idempotency_seconds * KEY_USED), now - LEFT_ALONE)


def reopen(issue: int) -> bool:
    """Open a finished mailing again that holds unknown deliveries to be repeated. Returns whether it did."""
    times = window(settings.EMAIL_PROVIDER)
    if not times or not settings.SENDING_ARMED:
        return False
    repeatable = Delivery.objects.filter(
        issue=issue,
        state=Delivery.State.UNKNOWN,
        provider=settings.EMAIL_PROVIDER,
        handed_at__gt=times.handed_since,
        finished_at__lt=times.ended_before,
        attempts__lt=settings.SEND_MAX_ATTEMPTS,
        member__subscription__state="active",
    )
    finished = Mailing.objects.filter(pk=issue, state=Mailing.State.FINISHED)
    return repeatable.exists() and bool(finished.update(state=Mailing.State.SENDING))
