"""The panel on the admin's home page: where this month's issue stands, and what waits for somebody."""

from collections.abc import Mapping
from typing import Any

from django.forms import Media
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from wagtail.admin.ui.components import Component
from wagtail.permission_policies.pages import PagePermissionPolicy

from newsletter.desk.access import visible_issues
from newsletter.desk.compiling import may_compile
from newsletter.models import ENewsPage, Issue, NewsletterSettings
from newsletter.periods import Period
from newsletter.standing import Sent, Standing, issues_with_standing, with_standing
from newsletter.waiting import quiet_sectors, waiting_for_next_issue

WORK = {"add", "change", "publish"}
SHOWN = 3  # issues at most: last month's, an early one of this month, and one that was left lying


class ENewsPanel(Component):
    """For whoever may work on issues. What waits in the directory is in a panel of its own (cms/desk/home.py)."""

    name = "e-news"
    template_name = "newsletter/admin/dashboard.html"
    order = 50

    def __init__(self, request: HttpRequest) -> None:
        self.user = request.user

    @cached_property
    def is_shown(self) -> bool:
        archive = ENewsPage.objects.first()
        return bool(archive and PagePermissionPolicy().user_has_any_permission_for_instance(self.user, WORK, archive))

    @property
    def media(self) -> Media:
        return Media(css={"all": ["css/issue_desk.css", "css/desk_home.css"]})

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        today = timezone.localdate()
        months = NewsletterSettings.load().quiet_months
        return self._issues(Period.containing(today).previous) | {
            "waiting": waiting_for_next_issue(today),
            "quiet_months": months,
            "quiet": quiet_sectors(months, today),
        }

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
