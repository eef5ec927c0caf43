"""A member's own pages: what is new for them, and what they choose to receive, with a preview of it."""

from datetime import date, datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from membership import saving, services
from membership.audiences import audience_of
from membership.models import ConsentRecord, Member, Subscription, User
from membership.preference_forms import PauseForm, PreferencesForm
from newsletter.previewing import Upcoming
from newsletter.welcoming import is_suppressed, new_since, next_issue, visit

ENTRIES_SHOWN = 50  # saved entries on the account page
NEW_SINCE = "new_since"  # in the session: since when things are new to this visit


@login_required
@never_cache
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """The account page: a fixed number of queries, whatever the member has saved and is to receive."""
    subscription = own_subscription(request)
    context = {"subscription": subscription, **(_news(request, subscription) if subscription else {})}
    return render(request, "membership/account.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    subscription = own_subscription(request)
    if not subscription:
        return redirect("join")
    return edit_preferences(request, subscription, back="preferences", measured=reverse("measured"))


def own_subscription(request: HttpRequest) -> Subscription | None:
    """The subscription of whoever is logged in; staff need not have one."""
    assert isinstance(request.user, User)
    subscriptions = Subscription.objects.select_related("member__user", "member__region")
    return subscriptions.prefetch_related("member__sectors").filter(member__user=request.user).first()


def edit_preferences(
    request: HttpRequest, subscription: Subscription, *, back: str, measured: str, masked_address: str = ""
) -> HttpResponse:
    """Show and keep a member's choices; the same page with a login and through a signed link.

    `back` is the address to return to after saving, `measured` that of the page about what was measured. "preview"
    shows what unsaved choices would bring: the whole page for a browser without JavaScript, only the preview for htmx.
    """
    act = request.POST.get("act", "save") if request.method == "POST" else ""
    of_choices, of_pause = act in {"save", "preview"}, act == "pause"
    initial = PreferencesForm.initial_for(subscription)
    form = PreferencesForm(request.POST if of_choices else None, initial=initial)
    if masked_address:  # by the link in a mail
        form.only_off()
    pausing = PauseForm(request.POST if of_pause else None)
    if act and act != "preview" and (not of_choices or form.is_valid()) and (not of_pause or pausing.is_valid()):
        level, words = _act(act, subscription, form, pausing)
        messages.add_message(request, level, words)
        return redirect(back)
    context = {
        "form": form,
        "pausing": pausing,
        "subscription": subscription,
        "may_undo": services.may_undo(subscription),
        "undo_until": subscription.ended_at and subscription.ended_at + services.UNDO_WITHIN,
        "suppressed": is_suppressed(subscription),
        "masked_address": masked_address,
        "measured": measured,
        "unsaved": act == "preview",
        "preview": _preview(form, subscription),
    }
    if act == "preview" and request.htmx:  # type: ignore[attr-defined]
        return render(request, "newsletter/includes/preview.html", context)
    wrong = form.errors or pausing.errors
    return render(request, "membership/preferences.html", context, status=400 if wrong else 200)


def _preview(form: PreferencesForm, subscription: Subscription) -> object:
    """What the form's choices would bring, or the saved ones where it holds none; None while they are incomplete."""
    if not form.is_bound:
        return Upcoming().preview(audience_of(subscription))
    return Upcoming().preview(form.audience(subscription.member)) if form.is_valid() else None


def _act(act: str, subscription: Subscription, form: PreferencesForm, pausing: PauseForm) -> tuple[int, str]:
    """Do what the pressed button says; return a sentence that tells what has happened, and its level."""
    channel = ConsentRecord.Channel.PREFERENCES
    if act == "leave":
        services.unsubscribe(subscription=subscription, channel=channel)
        return messages.SUCCESS, "You have left the e-news. You will receive no more of it."
    if act == "undo" and services.undo_leaving(subscription=subscription):
        return messages.SUCCESS, "You are back, with the choices you had. You will receive the next e-news."
    if act == "resume" and services.resume(subscription=subscription):
        return messages.SUCCESS, "Welcome back. You will receive the next e-news."
    if act == "pause":
        until: date | None = pausing.cleaned_data["until"]
        if services.pause(subscription=subscription, until=until):
            day = date_format(until, "j F Y") if until else "you resume it here"
            return messages.SUCCESS, f"Your e-news is paused until {day}."
    if act == "save":
        services.change_preferences(subscription=subscription, **form.cleaned_data)
        return messages.SUCCESS, "Your choices are saved."
    return messages.WARNING, "Nothing has changed: your e-news was in another state already. This is how it stands now."


def _news(request: HttpRequest, subscription: Subscription) -> dict[str, object]:
    member = subscription.member
    since = _new_since(request, member)
    return {
        "since": since,
        "new": new_since(subscription, since),
        "next": next_issue(subscription),
        "saved_entries": saving.saved_entries(member)[:ENTRIES_SHOWN],
        "saved_searches": member.saved_searches.all(),
        "may_undo": services.may_undo(subscription),
        "suppressed": is_suppressed(subscription),
    }


def _new_since(request: HttpRequest, member: Member) -> datetime:
    """The last visit before this one. It is kept with the session, so that opening the page again shows the same."""
    seen = member.last_visit_at
    since = visit(member, now=timezone.now())
    if member.last_visit_at != seen:
        request.session[NEW_SINCE] = since.isoformat()
        return since
    return parse_datetime(request.session.get(NEW_SINCE, "")) or since
