"""Signals: what a new member may read; a new installation gets its archive, roles and workflow."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from wagtail.signals import page_unpublished

from membership.models import Subscription
from membership.signals import Reading, returned, welcoming
from newsletter import holdings
from newsletter.departing import forget_departure
from newsletter.models import Issue, Schedule
from newsletter.roles import ensure_roles

holdings.register_all()


@receiver(welcoming)
def latest_issue(**kwargs: Any) -> Reading | None:
    """What a new member may read at once: the latest issue that was sent."""
    issue = Issue.objects.sent().order_by("-period").first()
    return Reading(issue.title, f"{settings.SITE_URL}/e-news/{issue.slug}/") if issue else None


@receiver(returned)
def leaving_taken_back(subscription: Subscription, **kwargs: Any) -> None:
    forget_departure(subscription.member)


@receiver(page_unpublished, sender=Issue)
def approval_gone(instance: Issue, **kwargs: Any) -> None:
    """Whichever way an approval was taken back: the next one must not find a moment that nobody set for it."""
    Schedule.objects.filter(pk=instance.pk, issue__mailing__isnull=True).delete()


@receiver(post_migrate, sender=apps.get_app_config("newsletter"))
def prepare_installation(**kwargs: Any) -> None:
    ensure_roles()
