"""Making a draft entry of what somebody offered."""

from datetime import datetime
from typing import Any

from django.utils.text import slugify
from wagtail.log_actions import log
from wagtail.models import Page

from cms.models import (
    AgeGroup,
    CaseStudy,
    DirectoryPage,
    Entry,
    Event,
    Kind,
    Region,
    Resource,
    Sector,
    Service,
    Submission,
    Topic,
)
from cms.plain_text import paragraphs
from cms.site import directory_page

MODELS: dict[str, type[Entry]] = {
    Kind.SERVICE: Service,
    Kind.RESOURCE: Resource,
    Kind.EVENT: Event,
    Kind.CASE_STUDY: CaseStudy,
}
TEXTS = ["summary", "reader", "publisher", "link"]
# What a kind alone has: the entry's field by the form's.
OWN: dict[str, dict[str, str]] = {
    Kind.SERVICE: {
        **{name: name for name in ("area", "who_it_helps", "how_to_refer", "phone", "opening_hours", "cost")},
        "contact": "email",
    },
    Kind.RESOURCE: {"format": "format"},
    Kind.EVENT: {name: name for name in ("place", "online", "cost")},
    Kind.CASE_STUDY: {"setting": "setting", "what_changed": "what_changed"},
}
TERMS = {"sectors": Sector, "regions": Region, "topics": Topic, "age_groups": AgeGroup}


def draft(submission: Submission) -> Entry:
    """Make the entry, as a draft below the directory that nobody but editors sees, and return it.

    Nothing of it is HTML but the paragraphs we make ourselves. Terms that have been deleted since are left out.
    Belongs into the transaction that confirms the submission.
    """
    # One after the other: two pages made below one parent at the same moment would get the same place in the tree.
    parent = DirectoryPage.objects.select_for_update(of=("self",)).get(pk=directory_page().pk)
    words = submission.words
    entry = MODELS[submission.kind](
        title=submission.title,
        slug=_free_slug(parent, submission),
        live=False,
        has_unpublished_changes=True,
        body=paragraphs(words.get("body", "")),
        contact_email=submission.email if words.get("ask_again") else "",
        **{name: words[name] for name in TEXTS if name in words},
        **{field: words[name] for name, field in OWN[submission.kind].items() if name in words},
        **_times(words),
    )
    for field, model in TERMS.items():
        getattr(entry, field).set(list(model._default_manager.filter(slug__in=words.get(field, []))))
    parent.add_child(instance=entry)
    # Not judged here: whoever publishes it is told what is missing, in the editor.
    entry.save_revision(clean=False)
    log(instance=entry, action="cms.offered", data={"reference": submission.reference})
    return entry


def _times(words: dict[str, Any]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(words[name]) for name in ("starts_at", "ends_at") if words.get(name)}


def _free_slug(parent: Page, submission: Submission) -> str:
    slug = slugify(submission.title)[:60].strip("-") or submission.kind
    taken = parent.get_children().filter(slug=slug).exists()
    return f"{slug}-{submission.reference.lower()}" if taken else slug
