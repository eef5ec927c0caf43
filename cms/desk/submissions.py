"""The editors' page of what people offered, and each offer's own page."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property

from cms.desk.pages import HubPage
from cms.models import Submission
from cms.moderating import LONGEST_REASON, REASON_NEEDED, CannotRefuse, refuse
from cms.permissions import MODERATE
from cms.submission_forms import described

State = Submission.State
# What nobody confirmed has not reached the editors yet.
SEEN = [State.WAITING, State.PUBLISHED, State.REFUSED]
PER_PAGE = 25
TITLE = "Submissions"


class FilterForm(forms.Form):
    state = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((one.value, one.label) for one in SEEN)], label="Where it stands"
    )
    kind = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((kind.value, kind.label) for kind in Submission.KINDS)], label="Kind"
    )


class RefuseForm(forms.Form):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        label="Why it is not published",
        help_text="It goes to whoever offered it, word for word. Say what would make it fit, if anything would.",
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": REASON_NEEDED},
    )


class SubmissionsPage(HubPage):
    """What people offered and confirmed: what waits first, and of that the oldest."""

    permission = MODERATE
    template_name = "cms/desk/submissions.html"
    page_title = TITLE
    header_icon = "download"
    http_method_names = ["get", "head"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = FilterForm(self.request.GET)
        chosen = form.cleaned_data if form.is_valid() else {}
        paginator = Paginator(self._found(**chosen), PER_PAGE)
        page = paginator.get_page(self.request.GET.get("p"))
        return super().get_context_data(
            form=form,
            chosen=any(chosen.values()),
            page_obj=page,
            elided_page_range=paginator.get_elided_page_range(page.number),
            **kwargs,
        )

    def _found(self, state: str = "", kind: str = "") -> "QuerySet[Submission]":
        found = Submission.objects.filter(state__in=[state] if state else SEEN).defer("words")
        if kind:
            found = found.filter(kind=kind)
        if state in {State.PUBLISHED, State.REFUSED}:
            return found.order_by("-answered_at", "-pk")
        return found.order_by(Case(When(state=State.WAITING, then=Value(0)), default=Value(1)), "made_at", "pk")


class SubmissionPage(HubPage):
    """One submission: its words, who offered it, its draft. POST refuses it, with a reason."""

    permission = MODERATE
    template_name = "cms/desk/submission.html"
    header_icon = "download"
    http_method_names = ["get", "head", "post"]

    @cached_property
    def submission(self) -> Submission:
        found = Submission.objects.filter(state__in=SEEN).select_related("entry", "answered_by")
        return get_object_or_404(found, pk=self.kwargs["pk"])

    def get_page_title(self) -> str:
        return self.submission.reference

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        above = {"url": reverse("hub_submissions"), "label": TITLE}
        return [*self.breadcrumbs_items, above, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        one = self.submission
        return super().get_context_data(
            **{
                "submission": one,
                "words": described(one.kind, one.words),
                "waits": one.state == State.WAITING,
                "workflow": one.entry.current_workflow_state if one.entry else None,
                "form": RefuseForm(),
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = RefuseForm(request.POST)
        if form.is_valid():
            try:
                if refuse(submission=self.submission, reason=form.cleaned_data["reason"], by=request.user):
                    messages.success(request, f"{self.submission.reference} is refused, and its sender has been told.")
                else:
                    messages.info(request, f"{self.submission.reference} had been answered already.")
            except CannotRefuse as error:
                form.add_error("reason", str(error))
            else:
                return redirect("hub_submission", self.submission.pk)
        return self.render_to_response(self.get_context_data(form=form), status=400)


urlpatterns: list[URLPattern] = [
    path("submissions/", SubmissionsPage.as_view(), name="hub_submissions"),
    path("submissions/<int:pk>/", SubmissionPage.as_view(), name="hub_submission"),
]
