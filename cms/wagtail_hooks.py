"""Registers what cms adds to the Wagtail admin and to the serving of pages; `desk/` and `viewsets.py` define it."""

from typing import Any

from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.models import Page, PageViewRestriction
from wagtail.snippets.models import register_snippet

from cms.desk import care, enquiry_report, link_report, messages, searches, signposting, submissions
from cms.desk.menu import hub_menu
from cms.permissions import own_permissions
from cms.viewsets import TaxonomyGroup

DESK = (signposting, enquiry_report, submissions, messages, care, link_report, searches)

register_snippet(TaxonomyGroup)


@hooks.register("register_admin_urls")
def admin_urls() -> list[URLPattern | URLResolver]:
    return [path("hub/", include([pattern for page in DESK for pattern in page.urlpatterns]))]


@hooks.register("register_admin_menu_item")
def menu_item() -> MenuItem:
    return hub_menu()


@hooks.register("register_permissions")
def permissions() -> QuerySet[Permission]:
    return own_permissions()


@hooks.register("before_serve_page", order=-10)
def refuse_who_is_logged_in_but_not_allowed(page: Page, request: HttpRequest, args: Any, kwargs: Any) -> None:
    """Say so plainly: Wagtail would send them to log in, and the login page would send them back, for ever."""
    about_people = {PageViewRestriction.LOGIN, PageViewRestriction.GROUPS}
    if request.user.is_authenticated and not all(
        restriction.accept_request(request)
        for restriction in page.get_view_restrictions()
        if restriction.restriction_type in about_people
    ):
        raise PermissionDenied
