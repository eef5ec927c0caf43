"""The editors' page of messages to the team, and each message's own page."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.functional import cached_property
from wagtail import hooks
from wagtail.log_actions import LogActionRegistry

from cms.contacting import ANSWERED, REOPENED, answer_message, reopen_message
from cms.desk.pages import HubPage
from cms.models import Message
from cms.permissions import ANSWER

PAGE = "hub_messages"
PER_PAGE = 50
SHOW = {"": "Unanswered", "answered": "Answered"}


class AnswerForm(forms.Form):
    note = forms.CharField(
        max_length=4000,
        required=False,
        label="Note",
        help_text="What was found and done, for your colleagues. It is not sent to anybody.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class MessagesPage(HubPage):
    """Unanswered messages, the oldest first; with `?show=answered`, the others, the latest answer first."""

    permission = ANSWER
    page_title = "Messages"
    header_icon = "comment"
    template_name = "cms/desk/messages.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        show = "answered" if self.request.GET.get("show") == "answered" else ""
        page = Paginator(_messages(show), PER_PAGE).get_page(self.request.GET.get("p"))
        return super().get_context_data(
            show=show,
            lists=[(value, label, _messages(value).count()) for value, label in SHOW.items()],
            page_obj=page,
            elided_page_range=page.paginator.get_elided_page_range(page.number),
            **kwargs,
        )


class MessagePage(HubPage):
    """One message. POST notes that it was answered, or puts it back among those that wait."""

    permission = ANSWER
    header_icon = "comment"
    template_name = "cms/desk/message.html"

    @cached_property
    def message(self) -> Message:
        return get_object_or_404(Message.objects.select_related("entry", "answered_by"), pk=self.kwargs["pk"])

    def get_page_title(self) -> str:
        return f"Message {self.message.reference}"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        *above, here = super().get_breadcrumbs_items()
        return [*above, {"url": reverse(PAGE), "label": "Messages"}, here]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = AnswerForm(initial={"note": self.message.note})
        return super().get_context_data(**{"form": form, "message": self.message, **kwargs})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("act") == "reopen":
            if reopen_message(message=self.message, by=request.user):
                messages.success(request, f"Message {self.message.reference} waits for an answer again.")
            return redirect("hub_message", self.message.pk)
        form = AnswerForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=400)
        if answer_message(message=self.message, by=request.user, note=form.cleaned_data["note"]):
            messages.success(request, f"Message {self.message.reference} is marked as answered.")
        else:
            messages.warning(
                request, f"Message {self.message.reference} had been answered before: nothing was changed."
            )
        return redirect(PAGE)


def _messages(show: str) -> "QuerySet[Message]":
    found = Message.objects.select_related("entry", "answered_by")
    if show == "answered":
        return found.filter(answered_at__isnull=False).order_by("-answered_at", "-received_at", "-pk")
    return found.filter(answered_at=None).order_by("received_at", "pk")


@hooks.register("register_log_actions")
def log_actions(actions: LogActionRegistry) -> None:
    actions.register_action(ANSWERED, "Answer a message", "Message answered")
    actions.register_action(REOPENED, "Open a message again", "Message waits for an answer again")


urlpatterns = [
    path("messages/", MessagesPage.as_view(), name=PAGE),
    path("messages/<int:pk>/", MessagePage.as_view(), name="hub_message"),
]
