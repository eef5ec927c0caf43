"""What the helpline was asked about, by sector, region, topic and month: drawn, listed, and as a file."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import cached_property

from cms.charts import count_chart
from cms.desk.pages import HubPage
from cms.enquiry_files import csv_file, xlsx_file
from cms.enquiry_totals import MOST_ENTRIES, SMALLEST_CELL, Totals, choices, read_period, totals
from cms.permissions import TOTALS

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_LABEL = 40  # letters beside a bar; the table has the whole title


class EnquiryReport(HubPage):
    """The address says the period (`from`, `to`) and, for a file, its kind (`export`)."""

    permission = TOTALS
    template_name = "cms/desk/enquiries.html"
    page_title = "What was asked"
    header_icon = "history"
    http_method_names = ["get", "head"]

    @cached_property
    def totals(self) -> Totals:
        return totals(read_period(self.request.GET, timezone.localdate()))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        kind = request.GET.get("export")
        if kind not in {"csv", "xlsx"}:
            return super().get(request, *args, **kwargs)
        period = self.totals.period
        name = f"enquiries-{period.first:%Y-%m}-to-{period.last:%Y-%m}.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        if kind == "csv":
            return HttpResponse(
                b"".join(csv_file(self.totals)), content_type="text/csv; charset=utf-8", headers=headers
            )
        return HttpResponse(xlsx_file(self.totals), content_type=XLSX, headers=headers)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = self.totals
        tables = [
            ("months", "By month", "Month", shown.months),
            ("topics", "By topic", "Topic", shown.topics),
            ("sectors", "By sector", "Sector", shown.sectors),
            ("regions", "By region", "Region", shown.regions),
            ("entries", "Most signposted", "Entry", shown.entries),
        ]
        return super().get_context_data(
            totals=shown,
            months=choices(timezone.localdate()),
            tables=[(name, title, word, self._chart(name, title, rows), rows) for name, title, word, rows in tables],
            crossing=list(
                zip(shown.topic_names, zip(*(one.words for one in shown.crossing), strict=True), strict=False)
            ),
            smallest=SMALLEST_CELL,
            most=MOST_ENTRIES,
            **kwargs,
        )

    def _chart(self, name: str, title: str, rows: list[tuple[str, int]]) -> str:
        short = [
            (label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…", count) for label, count in rows
        ]
        return count_chart(name, title, short, unit="Enquiries") if any(count for _, count in rows) else ""


urlpatterns: list[URLPattern] = [path("enquiries/", EnquiryReport.as_view(), name="hub_enquiries")]
