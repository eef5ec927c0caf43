"""How staff answer complaints in the Wagtail admin: read what was written, note the answer, close it."""

from typing import Any

from wagtail.admin.panels import FieldPanel, HelpPanel
from wagtail.permission_policies import ModelPermissionPolicy
from wagtail.snippets.views.snippets import SnippetViewSet

from membership.models import Complaint


class AnsweredOnly(ModelPermissionPolicy):
    """Complaints come from the public form and go by the retention rule: staff neither add nor delete any."""

    def user_has_permission(self, user: Any, action: str) -> bool:
        return action not in {"add", "delete"} and bool(super().user_has_permission(user, action))

    def user_has_any_permission(self, user: Any, actions: Any) -> bool:
        return any(self.user_has_permission(user, action) for action in actions)


class ComplaintViewSet(SnippetViewSet):
    model = Complaint
    icon = "warning"
    menu_label = "Complaints"
    menu_order = 350
    add_to_admin_menu = True
    list_display = ["reference", "received_at", "closed_at"]
    list_filter = {"closed_at": ["isnull"]}
    search_fields = ["reference"]
    search_backend_name = None
    ordering = ["-received_at"]
    permission_policy = AnsweredOnly(Complaint)
    panels = [
        HelpPanel("Answer by e-mail within one month. Then note what was found and done, and when it was closed."),
        FieldPanel("reference", read_only=True),
        FieldPanel("received_at", read_only=True),
        FieldPanel("name", read_only=True),
        FieldPanel("email", read_only=True),
        FieldPanel("text", read_only=True),
        FieldPanel("answer"),
        FieldPanel("closed_at"),
    ]
