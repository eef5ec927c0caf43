"""The addresses of the staff's pages about members, and their place in the menu."""

from typing import Any

from django.urls import URLPattern, path
from wagtail.admin.viewsets.model import ModelViewSet

from membership.desk import importing, listing, member, overview
from membership.models import Member


class MemberViewSet(ModelViewSet):
    """Members can be looked at here, never made, edited or deleted: that is theirs (`services.py`)."""

    model = Member
    name = "members"
    icon = "group"
    menu_label = "Members"
    menu_name = "members"
    menu_order = 260
    add_to_admin_menu = True
    list_per_page = 50
    copy_view_enabled = False
    inspect_view_enabled = True
    add_to_reference_index = False
    index_view_class = listing.MemberIndexView
    list_display = ["pk"]  # the view makes its columns, which depend on who looks

    def get_common_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        absent = dict.fromkeys(["add_url_name", "edit_url_name", "delete_url_name", "history_url_name"])
        return super().get_common_view_kwargs(**{**absent, "usage_url_name": None, **kwargs})

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
            path("overview/", overview.OverviewPage.as_view(), name="overview"),
            path("find/", member.FindPage.as_view(), name="find"),
            path("import/", importing.UploadPage.as_view(), name="import"),
            path("import/columns/", importing.ColumnsPage.as_view(), name="import_columns"),
            path("import/check/", importing.CheckPage.as_view(), name="import_check"),
            path("import/run/", importing.RunPage.as_view(), name="import_run"),
            path("<int:pk>/", member.MemberPage.as_view(), name="inspect"),
            path("<int:pk>/end/", member.EndPage.as_view(), name="end"),
        ]

    def register_admin_url_finder(self) -> None:
        """There is no page to edit a member that the audit log could link to."""

    def register_permissions(self) -> None:
        """`wagtail_hooks.py` registers those that mean something here."""
