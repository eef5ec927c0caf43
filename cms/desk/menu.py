"""The “Hub” menu of the admin: each page is shown to those who may use it only, and only where it exists."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse, reverse_lazy
from wagtail.admin.menu import Menu, MenuItem, SubmenuMenuItem

from cms.permissions import ANSWER, CARE, MODERATE, SIGNPOST, TOTALS, may


class HubItem(MenuItem):
    """A page of the hub's desk, by the name of its address, for those who have a permission."""

    def __init__(self, label: str, page: str, permission: str, **kwargs: Any) -> None:
        super().__init__(label, reverse_lazy(page), **kwargs)
        self.page = page
        self.permission = permission

    def is_shown(self, request: HttpRequest) -> bool:
        try:
            reverse(self.page)
        except NoReverseMatch:
            return False
        return may(request.user, self.permission)


def hub_menu() -> SubmenuMenuItem:
    items = [
        HubItem("Signposting", "hub_signposting", SIGNPOST, icon_name="redirect", order=10),
        HubItem("What was asked", "hub_enquiries", TOTALS, icon_name="history", order=20),
        HubItem("Submissions", "hub_submissions", MODERATE, icon_name="download", order=30),
        HubItem("Messages", "hub_messages", ANSWER, icon_name="comment", order=40),
        HubItem("Due for review", "hub_care", CARE, icon_name="date", order=50),
        HubItem("Links", "hub_links", CARE, icon_name="link", order=60),
        HubItem("Searches without results", "hub_searches", CARE, icon_name="search", order=70),
    ]
    return SubmenuMenuItem("Hub", Menu(items=items), name="hub", icon_name="folder-open-inverse", order=240)
