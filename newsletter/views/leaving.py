"""Leaving and changing preferences from a mail, without a login."""

from datetime import datetime, timedelta

from allauth.core.ratelimit import respond_429
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cms import limits
from cms.addresses import masked
from cms.mail import HEADERS, hand_over
from membership.models import Subscription
from newsletter.departing import find_owner, leave
from newsletter.models import Delivery
from newsletter.tracking import find_aged, find_delivery, record_look, subscription_of
from newsletter.views.measuring import signs_in
from newsletter.views.member import edit_preferences

LINK_VALID = timedelta(days=7)
SALT = "newsletter.preferences"  # binds a fresh link to this one purpose


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Leave the e-news (RFC 8058). GET shows a button and changes nothing; POST leaves, whatever its body says.

    No cookie, login, CSRF token or redirect: mailbox providers post here by themselves. Always 200 for a token of
    ours, so that a second press is no error; 404 for any other.
    """
    delivery, subscription = find_owner(token)
    if not delivery and not subscription:
        return render(request, "newsletter/unsubscribe_unknown.html", status=404)
    left = not subscription or subscription.state == Subscription.State.ENDED
    if request.method != "POST":
        record_look(token, signs_in(request))
    elif subscription:
        leave(subscription, delivery)
        left = True
    return render(request, "newsletter/unsubscribe.html", {"left": left, "token": token})


@never_cache
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """A member's preferences through the link in a mail (valid seven days), else the offer of a fresh link."""
    subscription, valid = find_by_link(token)
    if not subscription:
        return render(request, "newsletter/preferences_old.html", {"known": False}, status=404)
    masked_address = masked(subscription.member.user.email)
    if valid:
        address, measured = request.build_absolute_uri(), reverse("news_measured", args=[token])
        return edit_preferences(request, subscription, back=address, measured=measured, masked_address=masked_address)
    sent = request.method == "POST"
    if sent:
        if not limits.allow(request, "fresh_link", subscription.member.user.email):
            too_often: HttpResponse = respond_429(request)
            return too_often
        _send_fresh_link(subscription)
    context = {"known": True, "sent": sent, "masked_address": masked_address}
    return render(request, "newsletter/preferences_old.html", context)


def find_by_link(token: str) -> tuple[Subscription | None, bool]:
    """Return whose preferences a link leads to, and whether it still opens them: for seven days after it was sent."""
    if ":" in token:
        subscription = _by_fresh_link(token)
        return subscription, bool(subscription)
    delivery = find_delivery(token)
    subscription = subscription_of(delivery) or find_aged(token)
    return subscription, bool(delivery and subscription and _sent_at(delivery) + LINK_VALID > timezone.now())


def _sent_at(delivery: Delivery) -> datetime:
    mailing = delivery.issue.mailing
    return delivery.finished_at or mailing.started_at or mailing.frozen_at


def _by_fresh_link(token: str) -> Subscription | None:
    try:
        pk = signing.loads(token, salt=SALT, max_age=LINK_VALID)
    except signing.BadSignature:
        return None
    return Subscription.objects.select_related("member__user", "member__region").filter(pk=pk).first()


def _send_fresh_link(subscription: Subscription) -> None:
    user = subscription.member.user
    link = settings.SITE_URL + reverse("news_preferences", args=[signing.dumps(subscription.pk, salt=SALT)])
    text = render_to_string(
        "newsletter/email/fresh_link.txt", {"user": user, "link": link, "helpline": settings.HELPLINE}
    )
    subject = "Your i-HOP preferences"
    hand_over(EmailMessage(subject, text, settings.ACCOUNTS_FROM, [user.email], headers=HEADERS))
