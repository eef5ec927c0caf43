"""Puts pages behind Wagtail's page privacy, as editors do."""

from typing import Any

from django.contrib.auth.models import Group
from wagtail.models import PageViewRestriction


def put_away(page: Any, *groups: str) -> PageViewRestriction:
    """Keep a page for these groups, or without any for whoever is logged in."""
    kind = PageViewRestriction.GROUPS if groups else PageViewRestriction.LOGIN
    restriction: PageViewRestriction = PageViewRestriction.objects.create(page=page, restriction_type=kind)
    if groups:
        restriction.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return restriction
