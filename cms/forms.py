"""Forms of the Wagtail admin that ask for more than their fields."""

from typing import Any

from wagtail.admin.forms import WagtailAdminPageForm

from cms.private_files import documents_of, obstacle

ANONYMITY_NEEDED = "Record who checked the anonymity, and when, before publishing this case study."


class CaseStudyForm(WagtailAdminPageForm):
    """Refuses to publish or submit a case study whose anonymity nobody has checked; drafts are free.

    Nor with a document that everybody can read.
    """

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        acts = {"action-publish", "action-submit", "action-workflow-action"}
        publishing = not acts.isdisjoint(self.data)
        for field in ("anonymity_checked_by", "anonymity_checked_on"):
            if publishing and not cleaned.get(field):
                self.add_error(field, ANONYMITY_NEEDED)
        document = cleaned.get("document")
        for field, used in (
            ("document", documents_of(document and document.pk, "")),
            ("body", documents_of(None, cleaned.get("body") or "")),
        ):
            reason = obstacle(used) if publishing else ""
            if reason:
                self.add_error(field, reason)
        return cleaned
