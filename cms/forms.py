"""Forms of the Wagtail admin that ask for more than their fields."""

from typing import Any

from wagtail.admin.forms import WagtailAdminPageForm

ANONYMITY_NEEDED = "Record who checked the anonymity, and when, before publishing this case study."


class CaseStudyForm(WagtailAdminPageForm):
    """Refuses to publish or submit a case study whose anonymity nobody has checked; drafts are free."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        acts = {"action-publish", "action-submit", "action-workflow-action"}
        publishing = not acts.isdisjoint(self.data)
        for field in ("anonymity_checked_by", "anonymity_checked_on"):
            if publishing and not cleaned.get(field):
                self.add_error(field, ANONYMITY_NEEDED)
        return cleaned
