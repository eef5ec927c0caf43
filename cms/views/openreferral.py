"""Support services as Open Referral UK (HSDS 3). Every answer is JSON, the refusals too."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, re_path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page

from cms.openreferral import asking, openapi
from cms.openreferral.taxonomies import TAXONOMIES, all_terms, having_taxonomy, taxonomy_record

MAX_AGE = 60  # seconds
Answer = Callable[..., dict[str, Any]]


def answering(ask: Answer) -> Callable[..., HttpResponse]:
    """A view that gives what `ask` returns; what it refuses, with its sentence and status."""

    @wraps(ask)
    def view(request: HttpRequest, **words: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            response: HttpResponse = _refusal("This is read-only: use GET.", 405)
            response["Allow"] = "GET, HEAD"
            return response
        try:
            return JsonResponse(ask(request, **words))
        except asking.Refused as error:
            return _refusal(str(error), error.status)

    return cache_control(public=True, max_age=MAX_AGE)(conditional_page(view))


def _refusal(sentence: str, status: int) -> JsonResponse:
    return JsonResponse({"message": sentence}, status=status)


@answering
def about(request: HttpRequest) -> dict[str, Any]:
    return dict(openapi.about())


@answering
def description(request: HttpRequest) -> dict[str, Any]:
    return openapi.description()


@answering
def services(request: HttpRequest) -> dict[str, Any]:
    return asking.services(request.GET.dict())


@answering
def service(request: HttpRequest, key: str) -> dict[str, Any]:
    return asking.service(key)


@answering
def taxonomies(request: HttpRequest) -> dict[str, Any]:
    return asking.listed([taxonomy_record(one) for one in TAXONOMIES], request.GET.dict())


@answering
def taxonomy(request: HttpRequest, key: str) -> dict[str, Any]:
    return asking.one_of([taxonomy_record(one) for one in TAXONOMIES], key, "taxonomy")


@answering
def terms(request: HttpRequest) -> dict[str, Any]:
    wanted = request.GET.get("taxonomy_id", "").lower()
    if wanted and having_taxonomy(wanted) is None:
        raise asking.Refused("There is no taxonomy with this id: see /openreferral/taxonomies.")
    found = [term for term in all_terms() if not wanted or term["taxonomy_id"] == wanted]
    return asking.listed(found, request.GET.dict())


@answering
def term(request: HttpRequest, key: str) -> dict[str, Any]:
    return asking.one_of(all_terms(), key, "taxonomy term")


@answering
def nothing(request: HttpRequest) -> dict[str, Any]:
    raise asking.Refused("There is nothing at this address: see /openreferral/openapi.json.", 404)


def _address(words: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
    """With or without the last slash: harvesters write both, and a redirect would lose some of them."""
    return re_path(rf"^openreferral{words}/?$", view, name=name)


urlpatterns: list[URLPattern] = [
    _address("", about, "openreferral"),
    _address(r"/openapi\.json", description, "openreferral_openapi"),
    _address("/services", services, "openreferral_services"),
    _address("/services/(?P<key>[^/]+)", service, "openreferral_service"),
    _address("/taxonomies", taxonomies, "openreferral_taxonomies"),
    _address("/taxonomies/(?P<key>[^/]+)", taxonomy, "openreferral_taxonomy"),
    _address("/taxonomy_terms", terms, "openreferral_terms"),
    _address("/taxonomy_terms/(?P<key>[^/]+)", term, "openreferral_term"),
    re_path(r"^openreferral/", nothing),
]
