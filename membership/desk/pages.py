"""What the staff's pages about members share."""

from typing import Any, ClassVar

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.generic import TemplateView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from membership import staff
from membership.models import Member


class StaffPage(WagtailAdminTemplateMixin, TemplateView):
    """A page in Wagtail's frame that needs a permission, below "Members"."""

    permission: ClassVar[str] = staff.VIEW
    header_icon = "group"
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not staff.may(request.user, self.permission):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        members = []
        if staff.may(self.request.user, staff.VIEW):
            members = [{"url": reverse("members:index"), "label": "Members"}]
        return [*self.breadcrumbs_items, *members, {"url": "", "label": self.get_page_title()}]

    def may(self, permission: str) -> bool:
        return staff.may(self.request.user, permission)


def log_subject() -> ContentType:
    """What the audit log says an export or import was about: members as such, no one of them."""
    return ContentType.objects.get_for_model(Member)
