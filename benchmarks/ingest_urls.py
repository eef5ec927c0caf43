"""The site's addresses, and a bare view to compare the click redirect with."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import urlpatterns as site


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=302, headers={"Location": "https://example.org/"})


urlpatterns = [path("bare/", bare), *site]
