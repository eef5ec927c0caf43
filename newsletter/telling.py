"""Telling staff: one short mail each to whoever the e-news settings name, else to administrators and approvers."""

import logging
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from membership.models import User
from newsletter.models import CertificateRecord, Mailing, NewsletterSettings
from newsletter.site import ADMINISTRATORS_GROUP, APPROVERS_GROUP

logger = logging.getLogger(__name__)


def told(also: Sequence[str] = ()) -> QuerySet[User]:
    """The people who hear of what becomes of an issue: where the settings name nobody, with groups of `also`."""
    named = NewsletterSettings.load().told.all()
    people = Q(groups__in=named)
    if not named:
        people = Q(groups__name__in=[ADMINISTRATORS_GROUP, APPROVERS_GROUP, *also]) | Q(is_superuser=True)
    return User.objects.filter(people, is_active=True).distinct().order_by("pk")


def tell(subject: str, text: str, also: Sequence[str] = ()) -> int:
    """Mail each of those who are told; returns how many could be. What goes wrong is logged, without the address: the
    news is in the admin too."""
    reached = 0
    for pk, address in told(also).values_list("pk", "email"):
        try:
            send_mail(subject, text, settings.ACCOUNTS_FROM, [address])
            reached += 1
        except Exception as error:  # the provider that is in trouble may be the one that would carry this
            logger.error("user %s could not be mailed “%s”: %s", pk, subject, type(error).__name__)
    return reached


def tell_sent(record: CertificateRecord) -> None:
    """Tell that a mailing has come to its end, with its counts. Once: the caller says it of the first certificate."""
    issue = record.issue
    if not Mailing.objects.filter(pk=issue.pk, state=Mailing.State.FINISHED).exists():
        return  # cancelled: whoever did that knows
    certificate = settings.SITE_URL + reverse("newsletter_certificate", args=[issue.pk])
    text = render_to_string(
        "newsletter/email/sent.txt", {"issue": issue, "counts": record.counts, "certificate": certificate}
    )
    tell(f"The {issue.month.title} e-news has been sent", text)
