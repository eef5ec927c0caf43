"""Registers what cms adds to the Wagtail admin and to the serving of pages; `viewsets.py` defines the lists."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from wagtail import hooks
from wagtail.models import Page, PageViewRestriction
from wagtail.snippets.models import register_snippet

from cms.viewsets import TaxonomyGroup

register_snippet(TaxonomyGroup)


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
