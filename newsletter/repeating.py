"""Which unknown deliveries may be repeated under their key: those of the same provider, while it knows it (ADR 5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from cms import arming
from membership.models import Subscription, Suppression
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


def waits(issue: int) -> bool:
    """Whether the issue holds deliveries that a drain would repeat now: the ones `ledger.mark_repeating` takes."""
    times = window(settings.EMAIL_PROVIDER)
    if not times or arming.silence():
        return False
    suppressed = Suppression.objects.filter(address_hash=OuterRef("member__user__address_hash"))
    return Delivery.objects.filter(
        ~Exists(suppressed),
        issue=issue,
        state=Delivery.State.UNKNOWN,
        provider=settings.EMAIL_PROVIDER,
        handed_at__gt=times.handed_since,
        finished_at__lt=times.ended_before,
        attempts__lt=settings.SEND_MAX_ATTEMPTS,
        member__subscription__state=Subscription.State.ACTIVE,
    ).exists()


def reopen(issue: int) -> bool:
    """Open a finished mailing again for what is to be repeated. Returns whether this call did."""
    return bool(Mailing.objects.filter(pk=issue, state=Mailing.State.FINISHED).update(state=Mailing.State.SENDING))
