"""What an editor's browser sends when a form of the Wagtail admin is saved."""

from wagtail.test.utils.form_data import inline_formset, nested_form_data, rich_text

from cms.models import Kind

# The model behind each kind, as the admin's addresses name it, and what its form cannot do without.
FORMS = {
    Kind.RESOURCE: ("resource", {"format": "factsheet"}),
    Kind.RESEARCH: ("research", {"year": "2025"}),
    Kind.POLICY: ("policy", {"policy_type": "guideline", "status": "in-force"}),
    Kind.SERVICE: ("service", {"area": "North Tyneside"}),
    Kind.CASE_STUDY: ("casestudy", {"setting": "A nursery"}),
    Kind.TRAINING: ("training", {"provider": "Sample Trust", "delivery": "online"}),
    Kind.FUNDING: ("funding", {"funder": "Sample Fund"}),
    Kind.EVENT: ("event", {"starts_at": "2027-01-05 09:00", "place": "Leeds"}),
}


def entry_form(title, **fields):
    """A filled-in form of an entry without an `action-…`, so that it is kept as a draft."""
    return nested_form_data(
        {
            "title": title,
            "slug": title.lower().replace(" ", "-"),
            "summary": f"What {title} offers.",
            "body": rich_text("<p>All about it.</p>"),
            "reader": "professionals",
            "evidence": "none",
            "review_due": "2027-05-01",
            "comments": inline_formset([]),
            **fields,
        }
    )
