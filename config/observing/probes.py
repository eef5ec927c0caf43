"""The addresses that machines ask: `/healthz`, `/readyz` and `/metrics`.

A middleware answers them, before anything asks for the host name, the session or the database: a probe comes by IP
address, without HTTPS, and many times a minute.
"""

import hmac
from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import add_never_cache_headers
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from config.observing.metrics import exposition
from config.observing.readiness import readiness

# Whatever a proxy adds: then the neighbour is the proxy, and the visitor may be anybody.
PROXIED = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP")


class Probes:
    """Stands behind the middleware that writes headers, and before all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = VIEWS.get(request.path_info)
        if not view:
            return self.get_response(request)
        response = view(request) if request.method in {"GET", "HEAD"} else HttpResponse(status=405)
        add_never_cache_headers(response)
        response._has_been_logged = True  # type: ignore[attr-defined]  # by Django, as an error, at each 503
        return response


def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process answers. It asks nobody else: restarting it would not bring a database back."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Whether this process can be of use, with one entry per check: 503 when it cannot.

    With `?strict=1` warnings are 503 as well, for monitors that look at nothing but the status.
    """
    found = readiness()
    ready = found.status == "ready" if request.GET.get("strict") else found.status != "unavailable"
    checks = {name: said.shown() for name, said in found.checks.items()}
    return JsonResponse({"status": found.status, "checks": checks}, status=200 if ready else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus, with METRICS_TOKEN as its bearer token; without one, for this machine only."""
    if not may_read_metrics(request):
        response = HttpResponse("Metrics are for this installation's monitor.", status=401, content_type="text/plain")
        response["WWW-Authenticate"] = "Bearer"
        return response
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.META.get("HTTP_AUTHORIZATION", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if any(name in request.META for name in PROXIED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a socket in the file system: a proxy is behind it
        return False


VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
