"""Where mail providers report what happened. Reachable only for a provider whose reports we can authenticate."""

from collections.abc import Callable

from anymail.urls import urlpatterns as anymail_patterns
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from newsletter.providers import PROVIDERS


@csrf_exempt
def tracking(request: HttpRequest, esp: str) -> HttpResponse:
    """Hand a report to Anymail's view for this provider, which checks its secret or signature and signals it.

    404 for a provider we do not know, or whose secret or signing key is not set: an open webhook would let
    anybody suppress members (quality.md 21).
    """
    view = _anymail_view(esp)
    if not view or not _authenticated(esp):
        raise Http404
    return view(request)


def _authenticated(esp: str) -> bool:
    """Whether ANYMAIL holds what this provider's reports are checked against."""
    provider = PROVIDERS.get(esp)
    if not provider or not provider.webhook:
        return False
    how, _, key = provider.webhook.partition(":")
    secret, signature = bool(settings.ANYMAIL.get("WEBHOOK_SECRET")), bool(key and settings.ANYMAIL.get(key))
    return {"secret": secret, "signature": signature, "either": secret or signature}[how]


def _anymail_view(esp: str) -> Callable[[HttpRequest], HttpResponse] | None:
    for pattern in anymail_patterns:
        if match := pattern.resolve(f"{esp}/tracking/"):
            return lambda request: match.func(request, *match.args, **match.kwargs)
    return None
