"""The “E-news” menu of the admin: each page is shown to those who may use it only, and only where it exists."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse, reverse_lazy
from wagtail.admin.menu import Menu, MenuItem, SubmenuMenuItem
from wagtail.contrib.settings.registry import SettingMenuItem
from wagtail.permission_policies.pages import PagePermissionPolicy

from membership.staff import SUPPRESSIONS, may
from newsletter.desk.compiling import may_compile
from newsletter.models import ENewsPage, NewsletterSettings


class DeskItem(MenuItem):
    """A page of the desk, by the name of its address."""

    def __init__(self, label: str, page: str, shown: Callable[[Any], bool], **kwargs: Any) -> None:
        super().__init__(label, reverse_lazy(page), **kwargs)
        self.page = page
        self.shown = shown

    def is_shown(self, request: HttpRequest) -> bool:
        try:
            reverse(self.page)
        except NoReverseMatch:
            return False
        return self.shown(request.user)


def may_see_issues(user: Any) -> bool:
    """Whether somebody may shape or approve issues."""
    archive = ENewsPage.objects.first()
    return bool(
        archive and PagePermissionPolicy().user_has_any_permission_for_instance(user, {"change", "publish"}, archive)
    )


def may_decide(user: Any) -> bool:
    """Whether somebody may approve issues, and so decide about deliveries that nobody can prove."""
    archive = ENewsPage.objects.first()
    return bool(archive and PagePermissionPolicy().user_has_permission_for_instance(user, "publish", archive))


def e_news_menu() -> SubmenuMenuItem:
    items = [
        DeskItem("Issues", "newsletter_issues", may_see_issues, icon_name="mail", order=10),
        DeskItem("Compile", "newsletter_compile", may_compile, icon_name="plus", order=20),
        DeskItem("Reports", "newsletter_reports", may_see_issues, icon_name="view", order=25),
        DeskItem("Deliveries to decide", "newsletter_unknown", may_decide, icon_name="help", order=30),
        DeskItem(
            "Suppressions", "suppressions:index", lambda user: may(user, SUPPRESSIONS), icon_name="cross", order=40
        ),
        SettingMenuItem(NewsletterSettings, icon="cog", order=50),
    ]
    return SubmenuMenuItem("E-news", Menu(items=items), name="e-news", icon_name="mail", order=250)
