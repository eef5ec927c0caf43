"""Telling staff: one short mail each to whoever the e-news settings name, else to administrators and approvers."""

import logging

from django.conf import settings
from django.core.mail import get_connection, send_mail
from django.db.models import Q, QuerySet

from membership.models import User
from newsletter.models import NewsletterSettings
from newsletter.site import APPROVERS_GROUP

logger = logging.getLogger(__name__)


def told() -> QuerySet[User]:
    """The people who hear of what becomes of an issue."""
    named = NewsletterSettings.load().told.all()
    people = Q(groups__in=named)
    if not named:
        people = Q(groups__name=APPROVERS_GROUP) | Q(is_superuser=True)
    return User.objects.filter(people, is_active=True).distinct().order_by("pk")


def tell(subject: str, text: str, people: QuerySet[User] | None = None) -> None:
    """Mail each of them. What goes wrong is logged, without the address: the news is in the admin too."""
    try:
        with get_connection() as connection:
            for address in (told() if people is None else people).values_list("email", flat=True):
                send_mail(subject, text, settings.ACCOUNTS_FROM, [address], connection=connection)
    except Exception as error:  # the provider that is in trouble may be the one that would carry this
        logger.error("nobody could be mailed “%s”: %s", subject, type(error).__name__)
