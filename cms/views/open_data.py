"""`/open-data/`: where programs read what people read here, for people to find."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from cms.facets import load_vocabulary
from cms.following import feeds_by_facet, whole_feed


@require_safe
def open_data(request: HttpRequest) -> HttpResponse:
    """The addresses of feeds, calendar and data. One query, for the sectors."""
    feeds = feeds_by_facet(load_vocabulary())
    context = {"site": settings.SITE_URL, "whole": whole_feed(), "kinds": feeds["kind"], "sectors": feeds["sector"]}
    return render(request, "cms/open_data.html", context)


urlpatterns: list[URLPattern] = [path("open-data/", open_data, name="open_data")]
