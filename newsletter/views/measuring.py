"""The click redirect and the pixel: as fast as can be, no cookie, and nothing kept of who did not agree."""

import base64
from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.encoding import iri_to_uri
from django.views.decorators.http import require_safe

from cms.limits import client_address
from newsletter.signs import Signs, signs_of
from newsletter.tracking import record_click, record_open

# What Django's `never_cache` says, without working it out anew for every click.
NOT_KEPT = "max-age=0, no-cache, no-store, must-revalidate, private"
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@require_safe
def click(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """Lead to the issue's link with this number, whoever asks; anything else is a 404, never an open redirect."""
    url = record_click(token, number, signs_in(request))
    if not url:
        raise Http404
    return HttpResponse(status=302, headers={"Location": iri_to_uri(url), "Cache-Control": NOT_KEPT})


@require_safe
def pixel(request: HttpRequest, token: str) -> HttpResponse:
    """One transparent pixel, for any token."""
    record_open(token, signs_in(request))
    return HttpResponse(GIF, content_type="image/gif", headers={"Cache-Control": NOT_KEPT})


def signs_in(request: HttpRequest) -> Signs:
    return signs_of(request.META, client_address(request), datetime.now(UTC).date())
