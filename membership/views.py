"""Joining, confirming, and a member's own page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from membership import services
from membership.forms import JoinForm, PreferencesForm
from membership.models import ConsentRecord, Subscription, User


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """One short page. The answer is the same whether or not the address is known."""
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.join(**form.cleaned_data)
        return render(request, "membership/join_done.html")
    return render(request, "membership/join.html", {"form": form}, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A GET shows a button and changes nothing, because mail scanners follow links; the button confirms."""
    subscription = services.find_by_confirmation(token)
    if not subscription:
        return render(request, "membership/confirm_unknown.html", status=404)
    if request.method == "POST":
        services.confirm(subscription=subscription)
        return render(request, "membership/confirm_done.html")
    return render(request, "membership/confirm.html")


@login_required
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "membership/account.html", {"subscription": own_subscription(request)})


@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    subscription = own_subscription(request)
    if not subscription:
        return redirect("join")
    return edit_preferences(request, subscription, back="preferences")


def own_subscription(request: HttpRequest) -> Subscription | None:
    """The subscription of whoever is logged in; staff need not have one."""
    assert isinstance(request.user, User)
    return (
        Subscription.objects.select_related("member__user", "member__region").filter(member__user=request.user).first()
    )


def edit_preferences(
    request: HttpRequest, subscription: Subscription, *, back: str, masked_address: str = ""
) -> HttpResponse:
    """Show and keep a member's choices; the same page with a login and through a signed link.

    `back` is the address to return to after saving.
    """
    form = PreferencesForm(request.POST or None, initial=PreferencesForm.initial_for(subscription))
    if request.method == "POST" and (done := _act(request, subscription, form)):
        messages.success(request, done)
        return redirect(back)
    context = {"form": form, "subscription": subscription, "masked_address": masked_address}
    return render(request, "membership/preferences.html", context, status=400 if form.errors else 200)


def _act(request: HttpRequest, subscription: Subscription, form: PreferencesForm) -> str:
    """Do what the pressed button says; return the sentence that tells so, or nothing when the form has errors."""
    act = request.POST.get("act", "save")
    if act == "leave":
        services.unsubscribe(subscription=subscription, channel=ConsentRecord.Channel.PREFERENCES)
        return "You have left the e-news. You will receive no more of it."
    if act == "pause":
        services.pause(subscription=subscription)
        return "Your e-news is paused until you resume it here."
    if act == "resume":
        services.resume(subscription=subscription)
        return "Welcome back. You will receive the next e-news."
    if not form.is_valid():
        return ""
    services.change_preferences(subscription=subscription, **form.cleaned_data)
    return "Your choices are saved."
