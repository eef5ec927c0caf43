"""Where mail providers report what happened: authenticated by Anymail, stored as it came, and answered at once.

Reachable only for a provider whose reports we can authenticate. What was stored is read by a task (`intake.py`).
"""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from newsletter import intake
from newsletter.providers import PROVIDERS
from newsletter.tasks import read_soon

logger = logging.getLogger(__name__)


class Refused(Exception):
    """A report that does not prove where it comes from. Says nothing of what was posted."""


@csrf_exempt
def tracking(request: HttpRequest, esp: str) -> HttpResponse:
    """Check a report as Anymail does for this provider (secret or signature, in constant time), store it, answer 200.

    404 for a provider we do not know, whose package is not installed, or whose secret or signing key is not set: an
    open webhook would let anybody suppress members (quality.md 21). 400 for what is forged, 413 for what is larger than
    `intake.LARGEST`. Anything but POST is answered as Anymail does.
    """
    if not _authenticated(esp):
        raise Http404
    if _announced(request) > intake.LARGEST:
        return HttpResponse(status=413)
    try:
        view = intake.view_class(esp)()
    except ImproperlyConfigured as error:  # a package that only this provider needs is not installed
        logger.warning("reports of %s cannot be taken: %s", esp, type(error).__name__)
        raise Http404 from None
    validate, parse = view.run_validators, view.parse_events

    def run_validators(request: HttpRequest) -> None:
        if len(request.body) > intake.LARGEST:
            raise RequestDataTooBig
        try:
            validate(request)
        except ImproperlyConfigured:
            raise
        except Exception as error:  # its message may hold what was posted, or the address with the secret
            raise Refused(type(error).__name__) from None

    def store(request: HttpRequest) -> list[Any]:
        if request.headers.get("x-amz-sns-message-type") == "SubscriptionConfirmation":
            parse(request)  # Amazon wants an answer over the network: rare, and nothing to keep
        else:
            intake.keep(provider=esp, body=request.body, headers=request.headers)
            read_soon()
        return []

    view.run_validators, view.parse_events = run_validators, store
    view.setup(request)
    try:
        return view.dispatch(request)
    except Refused as error:
        logger.warning("a report of %s was refused: %s", esp, error)
        return HttpResponse(status=400)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except (SuspiciousOperation, UnreadablePostError):
        return HttpResponse(status=400)


def _announced(request: HttpRequest) -> int:
    """How long the body says it is; the server never reads more than that."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdigit() else 0


def _authenticated(esp: str) -> bool:
    """Whether ANYMAIL holds what this provider's reports are checked against."""
    provider = PROVIDERS.get(esp)
    if not provider or not provider.webhook:
        return False
    how, _, key = provider.webhook.partition(":")
    secret, signature = bool(settings.ANYMAIL.get("WEBHOOK_SECRET")), bool(key and settings.ANYMAIL.get(key))
    return {"secret": secret, "signature": signature, "either": secret or signature}[how]
