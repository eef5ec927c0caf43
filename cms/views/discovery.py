"""sitemap.xml and robots.txt."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from cms import discovering

MAX_AGE = 3600  # seconds


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
@conditional_page
def sitemap(request: HttpRequest) -> HttpResponse:
    """The list of lists: entries fill as many files as they need."""
    addresses = [reverse("sitemap_pages")]
    addresses += [reverse("sitemap_entries", args=[part]) for part in range(1, discovering.parts() + 1)]
    return _xml(discovering.index_of(settings.SITE_URL + address for address in addresses))


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
@conditional_page
def sitemap_pages(request: HttpRequest) -> HttpResponse:
    return _xml(discovering.sitemap_of(discovering.pages()))


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
@conditional_page
def sitemap_entries(request: HttpRequest, part: int) -> HttpResponse:
    if not 1 <= part <= discovering.parts():
        raise Http404("There is no such part.")
    return _xml(discovering.sitemap_of(discovering.entries(part)))


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
def robots(request: HttpRequest) -> HttpResponse:
    context = {"sitemap": settings.SITE_URL + reverse("sitemap")}
    return render(request, "cms/robots.txt", context, content_type="text/plain; charset=utf-8")


def _xml(content: str) -> HttpResponse:
    """For search engines to read, not to list among their results."""
    response = HttpResponse(content, content_type="application/xml; charset=utf-8")
    response["X-Robots-Tag"] = "noindex"
    return response


urlpatterns: list[URLPattern] = [
    path("sitemap.xml", sitemap, name="sitemap"),
    path("sitemap-pages.xml", sitemap_pages, name="sitemap_pages"),
    path("sitemap-entries-<int:part>.xml", sitemap_entries, name="sitemap_entries"),
    path("robots.txt", robots, name="robots"),
]
