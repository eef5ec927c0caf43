"""The report of entries that are due for review, and of what their contacts said has changed."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from wagtail import hooks
from wagtail.log_actions import LogActionRegistry

from cms import assuring, caring, charts
from cms.csv_files import csv_lines
from cms.desk.pages import HubPage
from cms.models import AssuranceRequest, Entry
from cms.permissions import CARE

PAGE = "hub_care"
PER_PAGE = 50
BATCH = 500  # rows of the file read at a time
SHOW = {"": "All that is due", "overdue": "Overdue", "soon": "Due within 30 days", "answers": "Changed or gone"}
HEADINGS = ["Title", "Kind", "Address", "Review due", "Last checked", "Contact", "Contact last asked", "Answer"]


class CarePage(HubPage):
    """Entries by the day of their review; with `?show=answers`, what contacts said has changed or gone."""

    permission = CARE
    page_title = "Due for review"
    header_icon = "date"
    template_name = "cms/desk/care.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        show = self.request.GET.get("show", "")
        show = show if show in SHOW else ""
        found: Any = caring.open_answers() if show == "answers" else caring.due_entries(show)
        page = Paginator(found, PER_PAGE).get_page(self.request.GET.get("p"))
        rows = list(page)
        if show != "answers":
            asked = caring.latest_requests(rows)
            rows = [(entry, asked.get(entry.pk)) for entry in rows]
        counts = caring.counts()
        long = {"": counts.overdue + counts.soon, "overdue": counts.overdue, "soon": counts.soon}
        months = caring.months_ahead()
        return super().get_context_data(
            show=show,
            lists=[(value, label, long.get(value, counts.answers)) for value, label in SHOW.items()],
            rows=rows,
            page_obj=page,
            elided_page_range=page.paginator.get_elided_page_range(page.number),
            months=months,
            chart=charts.count_chart("months", "Live entries by when they are due", months, unit="Entries"),
            today=timezone.localdate(),
            **kwargs,
        )


class Act(HubPage):
    """One button of the report: does it, says so, and leads back to where the button was."""

    permission = CARE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.act(pk)
        # Only what the report itself offers: an address from outside could lead anywhere.
        show = request.POST.get("show", "")
        return redirect(f"{reverse(PAGE)}?show={show}" if show in SHOW else PAGE)

    def act(self, pk: int) -> None:
        raise NotImplementedError


class CheckedAct(Act):
    def act(self, pk: int) -> None:
        entry = get_object_or_404(Entry.objects.live(), pk=pk)
        caring.mark_checked(entry=entry, by=self.request.user)
        messages.success(self.request, f"“{entry.title}” is marked as checked today. The next review is in six months.")


class AskAct(Act):
    def act(self, pk: int) -> None:
        entry = get_object_or_404(Entry.objects.live(), pk=pk)
        try:
            assuring.ask_now(entry=entry, by=self.request.user)
        except assuring.CannotAsk as error:
            messages.error(self.request, str(error))
        else:
            messages.success(self.request, f"The contact of “{entry.title}” was asked by e-mail.")


class DoneAct(Act):
    def act(self, pk: int) -> None:
        answer = get_object_or_404(AssuranceRequest.objects.select_related("entry"), pk=pk)
        caring.mark_done(answer=answer, by=self.request.user)
        messages.success(self.request, f"What was said about “{answer.entry.title}” is dealt with.")


class CareFile(HubPage):
    """The same list as a CSV file, read and written in batches."""

    permission = CARE

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        name = f"due-for-review-{timezone.localdate():%Y-%m-%d}.csv"
        lines = csv_lines(_file_rows(request.GET.get("show", "")))
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _file_rows(show: str) -> Iterator[list[str]]:
    yield list(HEADINGS)
    pks = list(caring.due_entries(show).values_list("pk", flat=True))
    for start in range(0, len(pks), BATCH):
        entries = list(caring.due_entries(show).filter(pk__in=pks[start : start + BATCH]))
        asked = caring.latest_requests(entries)
        for entry in entries:
            last = asked.get(entry.pk)
            yield [
                entry.title,
                str(entry.get_kind_display()),
                entry.full_url or "",
                entry.review_due.isoformat(),
                entry.assured_on.isoformat() if entry.assured_on else "",
                entry.contact,
                timezone.localdate(last.asked_at).isoformat() if last else "",
                str(last.get_answer_display()) if last else "",
            ]


@hooks.register("register_log_actions")
def log_actions(actions: LogActionRegistry) -> None:
    actions.register_action(caring.CHECKED, "Mark as checked", "Checked: found right")
    actions.register_action(caring.ASKED, "Ask the contact", "Contact asked whether this is still right")
    actions.register_action(caring.DONE, "Deal with an answer", "What the contact said was dealt with")


urlpatterns = [
    path("care/", CarePage.as_view(), name=PAGE),
    path("care/file/", CareFile.as_view(), name="hub_care_file"),
    path("care/<int:pk>/checked/", CheckedAct.as_view(), name="hub_care_checked"),
    path("care/<int:pk>/ask/", AskAct.as_view(), name="hub_care_ask"),
    path("care/answers/<int:pk>/done/", DoneAct.as_view(), name="hub_care_done"),
]
