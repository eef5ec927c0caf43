"""Arming and disarming by a person, who answers for it by name and reason in the audit log."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from wagtail.log_actions import log

from cms import arming
from cms.models import Disarmed
from membership.models import User
from newsletter.catching_up import words
from newsletter.certificate import certify, verify
from newsletter.compiling import IssueError
from newsletter.models import Issue, NewsletterSettings
from newsletter.telling import tell

ARMED, DISARMED = "newsletter.arm", "newsletter.disarm"
LOOKED_BACK = timedelta(days=395)  # so long the ledger keeps its people


def arm(*, by: User, reason: str, force: bool = False) -> list[str]:
    """Let this installation mail by itself; return what spoke against it, which is nothing unless it was forced.

    Raises IssueError with the first such sentence, or when no reason is given.
    """
    reason = _reason(reason)
    against = list(obstacles())
    if against and not force:
        raise IssueError(
            f"{against[0]} Put it right, or arm with --force and a reason that says why it does not matter."
        )
    arming.arm()
    log(NewsletterSettings.load(), ARMED, user=by, data={"reason": reason, "against": against})
    return against


def disarm(*, by: User, reason: str) -> None:
    """Mail nothing more by itself, from the next group of messages on."""
    reason = _reason(reason)
    arming.disarm(f"{by} did so on {words(timezone.now())}: {reason.rstrip('.')}."[:300])
    log(NewsletterSettings.load(), DISARMED, user=by, data={"reason": reason})


def tell_disarmed() -> bool:
    """Tell staff, once, that a copy has noticed what it is. Whoever disarms by hand knows. Returns whether it did."""
    if not Disarmed.objects.filter(told=False).update(told=True):
        return False
    tell(
        "Nothing is sent to members at present",
        f"{arming.silence()}\n\n{settings.SITE_URL}{reverse('wagtailadmin_home')}\n",
    )
    return True


def obstacles() -> Iterator[str]:
    """What speaks against arming, worst first."""
    if Disarmed.objects.filter(behind=True).exists():
        yield "This copy has not caught up with erasures and with what was sent since: run `replay_erasures`."
    recent = Issue.objects.filter(mailing__frozen_at__gt=timezone.now() - LOOKED_BACK)
    for issue in recent.order_by("-period"):
        if not certify(issue).balanced:
            yield f"The certificate of {issue.period} does not add up."
        if (seal := verify(issue)).sealed is False:
            yield f"{issue.period}: {seal.verdict}"


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason:
        raise IssueError("Say why: the reason is kept in the audit log.")
    return reason
