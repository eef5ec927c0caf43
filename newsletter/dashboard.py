"""The panel on the admin's home page: where this month's issue stands, and what waits for somebody."""

from collections.abc import Mapping
from typing import Any

from django.forms import Media
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from wagtail.admin.ui.components import Component
from wagtail.permission_policies.pages import PagePermissionPolicy

from cms.models import Entry
from newsletter.desk.access import visible_issues
from newsletter.desk.compiling import may_compile
from newsletter.models import ENewsPage, Issue, NewsletterSettings
from newsletter.periods import Period
from newsletter.standing import Sent, Standing, issues_with_standing, with_standing
from newsletter.waiting import overdue_reviews, quiet_sectors, submissions, waiting_for_next_issue

WORK = {"add", "change", "publish"}
SHOWN = 3  # issues at most: last month's, an early one of this month, and one that was left lying


class ENewsPanel(Component):
    """For whoever may work on issues, on entries, or on both: each part only for those it concerns."""

    name = "e-news"
    template_name = "newsletter/admin/dashboard.html"
    order = 50

    def __init__(self, request: HttpRequest) -> None:
        self.user = request.user

    @property
    def is_shown(self) -> bool:
        return self.works_on_issues or self.works_on_entries

    @cached_property
    def works_on_issues(self) -> bool:
        archive = ENewsPage.objects.first()
        return bool(archive and PagePermissionPolicy().user_has_any_permission_for_instance(self.user, WORK, archive))

    @cached_property
    def works_on_entries(self) -> bool:
        """Whether there is an entry, or a place for one, that they may change."""
        pages = PagePermissionPolicy().instances_user_has_any_permission_for(self.user, WORK)
        return Entry.objects.filter(pk__in=pages.values("pk")).exists()

    @property
    def media(self) -> Media:
        return Media(css={"all": ["css/issue_desk.css", "css/desk_home.css"]})

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        today = timezone.localdate()
        context: dict[str, Any] = {"works_on_issues": self.works_on_issues, "works_on_entries": self.works_on_entries}
        if self.works_on_issues:
            context |= self._issues(Period.containing(today).previous)
            context["waiting"] = waiting_for_next_issue(today)
            context["quiet_months"] = months = NewsletterSettings.load().quiet_months
            context["quiet"] = quiet_sectors(months, today)
        if self.works_on_entries:
            context["submissions"] = submissions(self.user)
            context["overdue"] = overdue_reviews(self.user, today)
        return context

    def _issues(self, last: Period) -> dict[str, Any]:
        """The issues of last month and of the running one, and when those that are missing are compiled."""
        day = NewsletterSettings.load().compile_day
        recent = with_standing(visible_issues(self.user)).monthly().filter(period__gte=str(last))
        rows: list[tuple[Issue, Standing, Sent | None]] = issues_with_standing(recent.order_by("period")[:SHOWN])
        names = {row[0].period for row in rows}
        planned = last.next if str(last) in names else last
        return {
            "rows": rows,
            "to_compile": None if str(planned) in names else planned,
            "compile_on": planned.next.first_day.replace(day=day),
            "compile_passed": planned.next.first_day.replace(day=day) <= timezone.localdate(),
            "may_compile": may_compile(self.user),
        }
