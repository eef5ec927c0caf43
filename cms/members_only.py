"""Case studies are for members: everybody else gets a teaser at the same address, with the way in."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from wagtail.models import Page, PageViewRestriction

from cms.glancing import of_terms, read_terms
from cms.groups import MEMBERS_GROUP
from cms.models import CaseStudy

ABOUT_PEOPLE = {PageViewRestriction.LOGIN, PageViewRestriction.GROUPS}


def refuse_or_tease(page: Page, request: HttpRequest) -> HttpResponse | None:
    """What somebody gets who may not read `page`: the teaser of a case study, or None to go on.

    Raises PermissionDenied for any other private page when the reader is logged in: Wagtail would send them to log in,
    and the login page would send them back, for ever. Whoever is not logged in is left to Wagtail.
    """
    refused = [one for one in page.get_view_restrictions() if not one.accept_request(request)]
    if refused and isinstance(page, CaseStudy) and all(_asks_for_membership(one, page) for one in refused):
        return tease(page, request)
    if request.user.is_authenticated and any(one.restriction_type in ABOUT_PEOPLE for one in refused):
        raise PermissionDenied
    return None


def tease(page: CaseStudy, request: HttpRequest) -> HttpResponse:
    """The page that says what there is to read, for whom, and how to become a member; never what it says.

    The template is given these values and not the page, so that nothing else of the case study can slip into it.
    """
    terms = read_terms(page)
    teaser = {
        "title": page.title,
        "summary": page.summary,
        "address": page.get_url(request),
        "kind": page.kind,
        "terms": terms,
        "rows": of_terms(page, terms).rows(),
    }
    response = TemplateResponse(request, "cms/teaser.html", {"teaser": teaser})
    add_never_cache_headers(response)  # after logging in, the same address shows something else
    return response


def _asks_for_membership(restriction: PageViewRestriction, page: CaseStudy) -> bool:
    """Whether joining is what opens the page: one put away for other readers, or by a page above it, is not teased."""
    return (
        restriction.page_id == page.pk
        and restriction.restriction_type == PageViewRestriction.GROUPS
        and any(group.name == MEMBERS_GROUP for group in restriction.groups.all())
    )
