"""One member's page: profile, subscription, timeline, and the few acts that staff may do for them."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.views.decorators.debug import sensitive_post_parameters
from wagtail.admin.widgets import AdminDateInput
from wagtail.log_actions import log

from cms.addresses import address_hash, masked, normalise_address
from cms.models import Kind
from membership import services, staff, timeline
from membership.desk.listing import is_mailed, members_for_staff, standing
from membership.desk.pages import StaffPage
from membership.models import ConsentRecord, Member, Subscription, Suppression

State = Subscription.State
MOST_FOUND = 20


class PauseForm(forms.Form):
    until = forms.DateField(
        required=False,
        widget=AdminDateInput,
        label="Pause until",
        help_text="The e-news starts again on this day. Empty: until the member, or you, resume it.",
    )

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until and until <= timezone.localdate():
            raise forms.ValidationError("Choose a day after today.")
        return until


class MemberPage(StaffPage):
    """What is held about a member. GET shows it; POST does one of the acts named by the button."""

    template_name = "membership/desk/member.html"
    header_icon = "user"
    http_method_names = ["get", "head", "post"]

    @cached_property
    def member(self) -> Member:
        return get_object_or_404(members_for_staff(), pk=self.kwargs["pk"])

    @cached_property
    def pause_form(self) -> PauseForm:
        return PauseForm(self.request.POST if self.request.POST.get("act") == "pause" else None)

    def get_page_title(self) -> str:
        return self.member.user.get_full_name() or f"Member {self.member.pk}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        member, address = self.member, self.member.user.email
        subscription = getattr(member, "subscription", None)
        return super().get_context_data(
            member=member,
            subscription=subscription,
            address=address if self.may(staff.ADDRESSES) else masked(address),
            standing=standing(member),
            mailed=is_mailed(member),
            kinds=_kinds(subscription),
            suppression=Suppression.objects.filter(address_hash=member.user.address_hash).first(),
            events=timeline.events(member),
            acts=_acts(subscription) if self.may(staff.CHANGE) else set(),
            pause_form=self.pause_form,
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        act = request.POST.get("act", "")
        subscription = getattr(self.member, "subscription", None)
        if not self.may(staff.CHANGE) or act not in _acts(subscription):
            messages.error(request, "Nothing was changed: this is not possible here, or somebody was quicker.")
        elif act == "pause" and not self.pause_form.is_valid():
            return self.render_to_response(self.get_context_data(), status=400)
        else:
            messages.success(request, self._do(act, subscription))
        return redirect("members:inspect", self.member.pk)

    def _do(self, act: str, subscription: Any) -> str:
        """Do one act, record it, and return the sentence that says so."""
        if act == "pause":
            until = self.pause_form.cleaned_data["until"]
            services.pause(subscription=subscription, until=until)
            words = f"until {format_date(until, 'j F Y')}" if until else "until further notice"
            return self._record(timeline.PAUSED, f"The e-news is paused {words}.", note=words)
        if act == "resume":
            services.resume(subscription=subscription)
            return self._record(timeline.RESUMED, "The e-news is resumed.")
        if act == "ask":
            services.resend(email=self.member.user.email)
            return self._record(timeline.ASKED, "The confirmation mail is on its way once more.")
        services.unsubscribe(subscription=subscription, channel=ConsentRecord.Channel.STAFF)
        return self._record(timeline.ENDED, "The e-news is ended. Only the member can start it again, by joining.")

    def _record(self, action: str, sentence: str, note: str = "") -> str:
        log(instance=self.member, action=action, user=self.request.user, data={"note": note})
        return sentence


class EndPage(MemberPage):
    """Asks before the e-news is ended; its button posts to the member's page."""

    template_name = "membership/desk/member_end.html"
    permission = staff.CHANGE
    http_method_names = ["get", "head"]


class FindForm(forms.Form):
    address = forms.CharField(
        max_length=320, label="E-mail address", widget=forms.TextInput(attrs={"autocomplete": "off", "type": "text"})
    )


@method_decorator(sensitive_post_parameters("address"), name="dispatch")
class FindPage(StaffPage):
    """Find a member by address. It posts, so that the address stands in no web address and in no log.

    Whoever may see addresses may give a part of one; anybody else must know it, and it is met by its hash.
    """

    template_name = "membership/desk/find.html"
    page_title = "Find by address"
    header_icon = "mail"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"form": FindForm(), "parts": self.may(staff.ADDRESSES), **kwargs})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = FindForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=400)
        text = form.cleaned_data["address"]
        hashed = _hash_of(text)
        found = list(members_for_staff().filter(user__address_hash=hashed)) if hashed else []
        if not found and self.may(staff.ADDRESSES):
            found = list(members_for_staff().filter(user__email__icontains=text.strip())[:MOST_FOUND])
        if len(found) == 1:
            return redirect("members:inspect", found[0].pk)
        suppression = Suppression.objects.filter(address_hash=hashed).first() if hashed else None
        return self.render_to_response(
            self.get_context_data(form=form, asked=True, found=found, suppression=suppression, most=MOST_FOUND)
        )


def _hash_of(text: str) -> str:
    try:
        return address_hash(normalise_address(text))
    except ValueError:
        return ""


def _acts(subscription: Any) -> set[str]:
    """What may be done in the state that a subscription is in. There is no way to make one active."""
    state = subscription.state if subscription else State.ENDED
    possible = {State.ACTIVE: {"pause", "end"}, State.PAUSED: {"resume", "end"}, State.PENDING: {"ask", "end"}}
    return possible.get(state, set())


def _kinds(subscription: Any) -> str:
    """The kinds a member wants, in words."""
    if not subscription or not subscription.kinds:
        return "None: they did not ask for the e-news"
    if set(subscription.kinds) == set(Kind.values):
        return "Everything"
    return ", ".join(str(Kind(kind).label) for kind in subscription.kinds)
