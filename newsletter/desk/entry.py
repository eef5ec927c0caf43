"""What the e-news adds to the editor of an entry: which issues carried it, and how many people followed it."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from wagtail.admin.ui.components import Component

from cms.models import Entry
from newsletter.carried import carried
from newsletter.desk.access import visible_issues


class CarriedNote(Component):
    """For whoever edits the entry; drafts of issues only for those who may work on them."""

    template_name = "newsletter/admin/entry_carried.html"

    def __init__(self, request: HttpRequest, entry: Entry) -> None:
        self.user, self.entry = request.user, entry

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        rows = carried(self.entry.pk)
        visible = visible_issues(self.user).filter(pk__in=[row.issue.pk for row in rows]).values_list("pk", flat=True)
        mine = set(visible) if rows else set()
        sent = [row for row in rows if row.frozen and not row.left_out]
        return {
            "rows": [(row, row.issue.pk in mine) for row in sent],
            "drafts": [row for row in rows if row not in sent and row.issue.pk in mine and not row.left_out],
            "left_out": [row for row in rows if row.issue.pk in mine and row.left_out],
            "is_live": self.entry.live,
        }


def entry_note(request: HttpRequest, entry: Entry) -> CarriedNote | None:
    return CarriedNote(request, entry) if isinstance(entry, Entry) else None
