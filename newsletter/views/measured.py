"""“What we have measured about you”: the list, the two switches, and deleting all of it there and then."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from cms.addresses import masked
from membership import services
from membership.forms import MeasuringForm
from membership.models import Subscription
from newsletter.measured import SHOWN, counted, delete_measured
from newsletter.measured import measured as measured_of
from newsletter.views.leaving import find_by_link
from newsletter.views.member import own_subscription


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def measured(request: HttpRequest) -> HttpResponse:
    """Everything that was measured about whoever is logged in: a fixed number of queries."""
    subscription = own_subscription(request)
    if not subscription:
        return redirect("join")
    if request.method == "POST":
        return _act(request, subscription, back=reverse("measured"))
    found = measured_of(subscription.member)
    context = {"found": found, "kept": found.total, "most": SHOWN, "back": reverse("preferences")}
    return _page(request, subscription, context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def by_link(request: HttpRequest, token: str) -> HttpResponse:
    """The same by the link in a mail: switching off, how much was measured, and deleting it. Mails are passed on, so
    what somebody read is shown, and measuring switched on, only after logging in."""
    subscription, valid = find_by_link(token)
    if not subscription or not valid:
        return redirect("news_preferences", token)
    if request.method == "POST":
        return _act(request, subscription, back=reverse("news_measured", args=[token]), by_link=True)
    context = {
        "kept": counted(subscription.member),
        "masked_address": masked(subscription.member.user.email),
        "back": reverse("news_preferences", args=[token]),
    }
    return _page(request, subscription, context, by_link=True)


def _page(
    request: HttpRequest, subscription: Subscription, context: dict[str, object], *, by_link: bool = False
) -> HttpResponse:
    form = _form(subscription, None, by_link=by_link)
    return render(request, "newsletter/measured.html", {**context, "form": form, "on": any(form.initial.values())})


def _form(subscription: Subscription, posted: QueryDict | None, *, by_link: bool) -> MeasuringForm:
    switches = {"track_opens": subscription.track_opens, "track_clicks": subscription.track_clicks}
    form = MeasuringForm(posted, initial=switches)
    if by_link:
        form.only_off()
    return form


def _act(request: HttpRequest, subscription: Subscription, *, back: str, by_link: bool = False) -> HttpResponse:
    if request.POST.get("act") == "delete":
        deleted = delete_measured(subscription.member)
        words = "What we had measured about you is deleted." if deleted else "There was nothing to delete."
        messages.success(request, words)
        return redirect(back)
    form = _form(subscription, request.POST, by_link=by_link)
    if form.is_valid():  # two boxes, ticked or not: it cannot be wrong
        services.change_measuring(subscription=subscription, **form.cleaned_data)
        messages.success(request, "Your choice is saved.")
    return redirect(back)
