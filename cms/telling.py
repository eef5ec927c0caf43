"""Telling people what became of their offer, by one mail that is neither lost nor sent twice (ADR 17)."""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from cms import arming
from cms.mail import after_commit, deliver, letter_to_stranger, may_write_to
from cms.models import Submission

AGAIN_FOR = timedelta(days=7)  # after that an answer is no news, and whoever waits has asked
PER_RUN = 100
SECONDS = 60.0
logger = logging.getLogger(__name__)


def tell_once_committed(pk: int) -> None:
    """Tell whoever made this offer once the transaction is committed. Whatever fails, `tell_waiting` finds it again."""
    after_commit(lambda: tell(pk))


def tell_waiting(*, at_most: int = PER_RUN, seconds: float = SECONDS) -> int:
    """Tell those whose mail was not handed over when they were answered in the last week; return how many were told.

    May be run at any time, by several processes at once. While sending is disarmed nothing is done.
    """
    if arming.examine():
        return 0
    until = time.monotonic() + seconds
    answered = Submission.objects.filter(answered_at__gt=timezone.now() - AGAIN_FOR, told_at=None)
    told = 0
    for pk in list(answered.order_by("answered_at").values_list("pk", flat=True)[:at_most]):
        if time.monotonic() > until:
            break
        told += tell(pk)
    return told


def tell(pk: int) -> bool:
    """Tell whoever made this offer what became of it, unless they have been told; return whether a mail went.

    It is marked first, so that two who try at once, or one who dies between, never write twice; the mark goes when the
    provider did not take the mail. Somebody who may not be written to counts as told: there is nothing to try again.
    """
    now = timezone.now()
    answered = Submission.objects.filter(pk=pk, answered_at__isnull=False)
    if not answered.filter(told_at=None).update(told_at=now):
        return False
    submission = answered.select_related("entry").get()
    if not may_write_to(submission.email):
        return False
    try:
        sent = deliver(_letter(submission))
    except Exception as error:  # a page without an address, say: nothing has been sent
        logger.error("submission %s could not be answered: %s", pk, type(error).__name__)
        sent = False
    if not sent:
        answered.filter(told_at=now).update(told_at=None)
    return sent


def _letter(submission: Submission) -> EmailMessage:
    if submission.state == Submission.State.REFUSED:
        return letter_to_stranger(
            submission.email,
            f"About what you offered: {submission.reference}",
            "cms/email/submission_refused.txt",
            submission=submission,
            reason=submission.reason,
        )
    parts = submission.entry.get_url_parts() if submission.entry else None
    return letter_to_stranger(
        submission.email,
        f"Published: what you offered, {submission.reference}",
        "cms/email/submission_published.txt",
        submission=submission,
        page=settings.SITE_URL + parts[2] if parts else "",
    )
