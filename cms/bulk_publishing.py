"""“Publish” for many pages at once: whatever cannot be published yet is left out, and the rest goes ahead.

Without this the first such page would end the whole request with an error, and nothing would be published.
"""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from wagtail.models import Page

from cms.forms import ANONYMITY_NEEDED
from cms.models import CaseStudy, Entry
from cms.private_files import documents_of, obstacle

NAMED = 10  # pages that the message names; of the others it gives the number


def leave_out_unready(request: HttpRequest, pages: list[Page], action: Any) -> None:
    """Take pages that cannot be published out of `pages`, in place, and tell the editor which and why.

    `action` is Wagtail's bulk action. Where pages below are published as well and one of those is not ready, the others
    are put into `pages` one by one, and Wagtail is told to look no further.
    """
    reasons = {page.pk: reason for page in pages if (reason := why_not(page))}
    titles = {page.pk: page.title for page in pages}
    if action.cleaned_form.cleaned_data.get("include_descendants"):
        below = _drafts_below(request, pages)
        unready = {page.pk: reason for page in below if (reason := why_not(page))}
        if unready or reasons:
            known = {page.pk for page in pages}
            pages.extend(page for page in below if page.pk not in known)
            titles |= {page.pk: page.title for page in below}
            reasons |= unready
            action.cleaned_form.cleaned_data["include_descendants"] = False
    if not reasons:
        return
    pages[:] = [page for page in pages if page.pk not in reasons]
    for pk in list(reasons)[:NAMED]:
        messages.warning(request, f"“{titles[pk]}” was not published. {reasons[pk]}")
    if len(reasons) > NAMED:
        messages.warning(request, f"{len(reasons) - NAMED} further pages were not published for such a reason.")


def why_not(page: Page) -> str:
    """Why the latest version of an entry cannot be published, in words for the editor; empty when it can.

    Other pages than entries are not judged.
    """
    if not issubclass(page.specific_class or Page, Entry):
        return ""
    latest = page.specific.get_latest_revision_as_object()
    if isinstance(latest, CaseStudy):
        if not latest.anonymity_checked:
            return ANONYMITY_NEEDED
        if reason := obstacle(documents_of(latest.document_id, latest.body)):
            return reason
    try:
        latest.full_clean()
    except ValidationError:
        return "Open it in the editor: something in it is missing or wrong."
    return ""


def _drafts_below(request: HttpRequest, pages: list[Page]) -> list[Page]:
    """What Wagtail would publish along with these pages, each once."""
    found = {
        page.pk: page
        for parent in pages
        for page in parent.get_descendants().not_live().specific().iterator()
        if page.permissions_for_user(request.user).can_publish()
    }
    return list(found.values())
