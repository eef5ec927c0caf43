"""A member's own data: seeing it, taking it away, erasing all of it; and answering the yearly question."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from membership import erasing, held, services, yearly
from membership.data_forms import EraseForm
from membership.models import Member, Subscription, User


@never_cache
@login_required
@reauthentication_required
@require_safe
def your_data(request: HttpRequest) -> HttpResponse:
    """Everything that is held about whoever is logged in, in words."""
    return render(request, "membership/your_data.html", {"sections": held.sections(own_member(request))})


@never_cache
@login_required
@reauthentication_required
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The same as a file for machines."""
    response = JsonResponse(export_of(own_member(request)), json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="i-hop-your-data.json"'
    return response


def export_of(member: Member) -> dict[str, Any]:
    """What the file holds: when it was made, and every section."""
    return {"made_at": timezone.now(), "held": held.as_dict(member)}


@never_cache
@login_required
@reauthentication_required
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest) -> HttpResponse:
    """Erase the account, after the password or second step (if there is one) and a typed word."""
    form = EraseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            erasing.erase(_user(request))
        except erasing.CannotErase as error:
            form.add_error(None, str(error))
        else:
            logout(request)
            return redirect("erased")
    return render(request, "membership/erase.html", {"form": form}, status=400 if form.errors else 200)


@never_cache
@require_safe
def erased(request: HttpRequest) -> HttpResponse:
    return render(request, "membership/erased.html")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def still_here(request: HttpRequest, token: str) -> HttpResponse:
    """The yearly question. A GET changes nothing, because mail scanners follow links; the buttons answer."""
    member = yearly.find(token)
    if not member:
        return render(request, "membership/still_here_unknown.html", status=404)
    if request.method == "POST":
        _answer(request, member)
        return redirect("still_here", token=token)
    subscription = member.subscription
    context = {
        "ended": subscription.state == Subscription.State.ENDED,
        "may_undo": services.may_undo(subscription),
        "answered": yearly.answered(member),
    }
    return render(request, "membership/still_here.html", context)


def _answer(request: HttpRequest, member: Member) -> None:
    act = request.POST.get("act")
    if act == "stay":
        yearly.stay(member)
        messages.success(request, "Thank you. We ask again in a year.")
    elif act == "moved":
        yearly.move_on(member)
        messages.success(request, "Your e-news has ended. Thank you for reading while you did.")
    elif act == "undo" and services.undo_leaving(subscription=member.subscription):
        messages.success(request, "Welcome back. You will receive the next e-news.")


def own_member(request: HttpRequest) -> Member:
    """The member who is logged in; an unsaved one for an account without membership."""
    user = _user(request)
    return Member.objects.select_related("user", "region").filter(user=user).first() or Member(user=user)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return User.objects.get(pk=request.user.pk)
