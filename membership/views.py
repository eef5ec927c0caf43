"""Joining and confirming. A member's own pages need the edition rule: `newsletter/views/member.py`."""

from allauth.core.ratelimit import respond_429
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods

from cms import limits
from membership import services
from membership.forms import JoinForm, ResendForm

not_kept = cache_control(private=True, no_store=True)  # no `Expires`, so that two answers are the same to the byte


@not_kept
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """One short page. The answer is the same whether or not the address is known.

    A POST with `start` comes from the line on the front page, which asks for the address alone: it is shown the rest.
    """
    if "start" in request.POST:
        form = JoinForm(initial={"email": request.POST.get("email", "")[:254]})
        return render(request, "membership/join.html", {"form": form})
    form = JoinForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if not limits.allow(request, "join", form.cleaned_data["email"]):
            return too_often(request)
        services.join(**form.cleaned_data)
        return render(request, "membership/join_done.html")
    return render(request, "membership/join.html", {"form": form}, status=400 if form.errors else 200)


@not_kept
@require_http_methods(["GET", "HEAD", "POST"])
def resend(request: HttpRequest) -> HttpResponse:
    """Ask for the confirmation once more. The answer is the same whether or not somebody waits for one."""
    form = ResendForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if not limits.allow(request, "resend", form.cleaned_data["email"]):
            return too_often(request)
        services.resend(email=form.cleaned_data["email"])
        return render(request, "membership/resend_done.html")
    return render(request, "membership/resend.html", {"form": form}, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A GET shows a button and changes nothing, because mail scanners follow links; the button confirms."""
    subscription = services.find_by_confirmation(token)
    if not subscription:
        return render(request, "membership/confirm_unknown.html", status=404)
    context = {"wants_news": bool(subscription.kinds)}
    if request.method == "POST":
        services.confirm(subscription=subscription)
        return render(request, "membership/confirm_done.html", context)
    return render(request, "membership/confirm.html", context)


def too_often(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = respond_429(request)
    return response
