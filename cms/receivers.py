"""Signals: case studies are private from their first moment; a new installation gets its words and pages."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from django.db.models.signals import post_migrate, post_save
from django.dispatch import receiver
from wagtail.models import PageViewRestriction

from cms.groups import MEMBERS_GROUP
from cms.models import CaseStudy
from cms.site import ensure_site


@receiver(post_save, sender=CaseStudy)
def restrict_to_members(instance: CaseStudy, created: bool, raw: bool, **kwargs: Any) -> None:
    """Put a new case study behind Wagtail's page privacy, open to the Members group only."""
    if created and not raw:
        restriction = PageViewRestriction.objects.create(page=instance, restriction_type=PageViewRestriction.GROUPS)
        restriction.groups.add(Group.objects.get_or_create(name=MEMBERS_GROUP)[0])


@receiver(post_migrate, sender=apps.get_app_config("cms"))
def prepare_installation(**kwargs: Any) -> None:
    ensure_site()
