"""The editor's form of an issue: what spans several of its items."""

from typing import Any

from wagtail.admin.forms import WagtailAdminPageForm


class IssueForm(WagtailAdminPageForm):
    def clean(self) -> dict[str, Any]:
        """No entry twice: each row by itself cannot know of the others."""
        cleaned: dict[str, Any] = super().clean()
        rows = self.formsets["items"].forms if "items" in self.formsets else []
        taken: set[int] = set()
        for row in rows:
            found = row.cleaned_data if row.is_valid() else {}
            page = found.get("page")
            if not page or found.get("DELETE"):
                continue
            if page.pk in taken:
                row.add_error("page", "This entry is in this issue twice: take one of them out.")
            taken.add(page.pk)
        return cleaned
