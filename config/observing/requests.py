"""The outermost middleware: the id of a request, its one line in the log, and the counters.

The line takes the place of gunicorn's access log, which would hold IP addresses, browsers and tokens.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from config.observing import counters, tracing
from config.observing.areas import QUIET, area_of
from config.observing.correlation import Context, current, request_id
from config.observing.masking import mask

logger = logging.getLogger("ihop.requests")


class RequestLog:
    """Gives every request an id (or takes the `X-Request-ID` of a proxy) and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identity = request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        before = current.set(Context(request_id=identity))
        began = time.perf_counter()
        try:
            with tracing.span(f"{request.method} {area_of(request.path_info)}") as span:
                response = self.get_response(request)
                if span is not None:
                    self._describe(span, request, response, identity)
            response.headers["X-Request-ID"] = identity
            self._record(request, response, time.perf_counter() - began)
        finally:
            current.reset(before)
        return response

    def _describe(self, span: Any, request: HttpRequest, response: HttpResponse, identity: str) -> None:
        tracing.describe(
            span,
            failed=response.status_code >= 500,
            http__request__method=request.method,
            http__route=request.resolver_match.route if request.resolver_match else None,  # the pattern, no values
            http__response__status_code=response.status_code,
            ihop__request_id=identity,
        )

    def _record(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        area, status = area_of(request.path_info), response.status_code
        counters.count_request(area, request.method or "", status, seconds)
        level = logging.WARNING if status >= 500 else logging.DEBUG if area in QUIET else logging.INFO
        if logger.isEnabledFor(level):
            extra = {"status": status, "seconds": round(seconds, 4)}
            logger.log(level, "%s %s %s", request.method, shown_path(request), status, extra=extra)


def shown_path(request: HttpRequest) -> str:
    """The path without what proves who somebody is, and without the query, where people's words are."""
    path = request.path
    match = request.resolver_match
    for name in ("token", "key", "uidb36", "uidb64"):
        if match and (value := match.kwargs.get(name)) and "openreferral" not in path:
            path = path.replace(str(value), f"[{name}]")
    return mask(path)
