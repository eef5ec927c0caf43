"""The desk's reports: what stands on the page stands in the file, small cells in neither, and each costs the same."""

import csv
import io
import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from cms.models import Kind, Sector
from membership.sample_members import make_members
from newsletter import closing
from newsletter.adding_up import add_up, add_up_stale
from newsletter.comparing import engagement, entries, latest_issues, never_followed, sectors_served, what_works
from newsletter.desk.tables import Column, Row, Table, download
from newsletter.models import Delivery, Hit, Issue, Link, Rollup, Total
from newsletter.reporting import report
from tests import factories
from tests.newsletter.aftermath import desk, staff
from tests.newsletter.hits import sent_issue

pytestmark = pytest.mark.django_db
PAGES = ["reports", "report_sectors", "report_entries", "report_engagement"]


@pytest.fixture
def browser():
    return desk(staff("approver@example.org"))


def send_months(number: int, members: int = 150) -> list[Issue]:
    """So many months, each with an entry for everyone and one for health, sent and counted."""
    make_members(members, audiences=9)
    issues = []
    for month in range(1, number + 1):
        pages = [
            factories.entry(Kind.RESOURCE, title=f"Guide {month}"),
            factories.entry(Kind.TRAINING, title=f"Course {month}", sectors=["health"]),
        ]
        start = timezone.now() - timedelta(days=20 * (number - month))
        issues.append(sent_issue(f"2026-{month:02}", pages, random.Random(month), start=start))
    while add_up_stale():
        pass
    return issues


@pytest.fixture
def issue() -> Issue:
    return send_months(1)[0]


def page(name: str, *args: int, query: str = "") -> str:
    return reverse(f"newsletter_{name}", args=args) + query


def rows_of(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


class TestIssueReport:
    def test_says_its_base_and_when_it_was_counted(self, issue, browser):
        response = browser.get(page("report", issue.pk))
        text = " ".join(response.content.decode().split())
        whole = response.context["whole"]
        assert f"<strong>{whole.agreed_opens}</strong> who agreed to have opens measured" in text
        assert f"<strong>{whole.agreed_clicks}</strong> who agreed to have links measured" in text
        counted = timezone.localtime(Rollup.objects.get(pk=issue.pk).counted_at)
        assert f"counted at {counted:%H:%M}" in text

    def test_every_table_is_a_file(self, issue, browser):
        for table in browser.get(page("report", issue.pk)).context["tables"]:
            response = browser.get(page("report", issue.pk, query=f"?download=csv&table={table.name}"))
            headings, *rows = rows_of(response)
            assert headings == [column.name for column in table.columns]
            assert [row[0] for row in rows] == [str(row.values[0]) for row in table.rows]
            assert response["Content-Disposition"] == f'attachment; filename="e-news-2026-01-{table.name}.csv"'

    def test_all_tables_are_one_workbook(self, issue, browser):
        tables = browser.get(page("report", issue.pk)).context["tables"]
        response = browser.get(page("report", issue.pk, query="?download=xlsx"))
        book = load_workbook(io.BytesIO(response.content))
        assert book.sheetnames == [table.title for table in tables]
        found = list(book["By sector"].values)
        assert len(found) == 1 + len(tables[1].rows)
        assert isinstance(found[1][1], int), "numbers stay numbers"

    def test_small_cells_are_in_no_file(self, issue, browser):
        Total.objects.filter(issue=issue, dimension="sector", key="health").update(sent=7, delivered=7)
        text = browser.get(page("report", issue.pk)).content.decode()
        assert "hidden" in text
        assert "stands for fewer than ten people" in text
        response = browser.get(page("report", issue.pk, query="?download=csv&table=sectors"))
        (health,) = [row for row in rows_of(response) if row[0] == "Health"]
        assert health[1:3] == ["hidden", "hidden"]
        book = load_workbook(io.BytesIO(browser.get(page("report", issue.pk, query="?download=xlsx")).content))
        assert "hidden" in [value for row in book["By sector"].values for value in row]

    def test_titles_are_no_formulas(self, issue, browser):
        issue.items.all().update(headline="=HYPERLINK(1)")
        response = browser.get(page("report", issue.pk, query="?download=csv&table=items"))
        assert rows_of(response)[1][0] == "'=HYPERLINK(1)"

    def test_unknown_table_is_not_found(self, issue, browser):
        assert browser.get(page("report", issue.pk, query="?download=csv&table=people")).status_code == 404

    def test_summary_says_the_main_figures_on_one_page(self, issue, browser):
        Total.objects.filter(issue=issue, dimension="item").update(agreed_clicks=40, clickers_human=12)
        response = browser.get(page("summary", issue.pk))
        text = response.content.decode()
        whole = response.context["whole"]
        assert dict(response.context["figures"])["Sent"] == whole.sent
        assert f"{whole.clickers.human} of them followed one" in " ".join(text.split())
        assert "Guide 1" in text
        assert "Print or save as PDF" in text

    def test_before_the_first_count_it_says_so(self, browser):
        issue = factories.issue(pages=[factories.entry()], live=True)
        factories.sent(issue)
        for name in ("report", "summary"):
            assert "Not counted yet" in browser.get(page(name, issue.pk)).content.decode()

    def test_charts_are_drawings_without_script(self, issue, browser):
        text = browser.get(page("report", issue.pk)).content.decode()
        chart = text[text.index("<svg", text.index("chart-figure")) :].partition("</svg>")[0]
        assert 'role="img"' in chart
        assert "<script" not in chart


class TestOverTime:
    def test_shows_each_issue_newest_first_with_its_report(self, browser):
        issues = send_months(2)
        (table,) = browser.get(page("reports")).context["tables"]
        assert [(row.values[0], row.url) for row in table.rows] == [
            (issue.month.title, page("report", issue.pk)) for issue in reversed(issues)
        ]
        assert table.rows[0].values[1] == Total.objects.get(issue=issues[1], dimension="issue").sent

    def test_of_one_sector_it_hides_what_the_issue_hides(self, issue, browser):
        Total.objects.filter(issue=issue, dimension="sector", key="prisons").update(sent=3)
        smallest = min(
            Total.objects.filter(issue=issue, dimension="sector").exclude(key="prisons"), key=lambda row: row.sent
        )
        (table,) = browser.get(page("reports", query=f"?sector={smallest.key}")).context["tables"]
        assert table.rows[0].values[1] is None, "it would give the other away"

    def test_without_an_issue_there_is_nothing(self, browser):
        for name in PAGES:
            assert "There is nothing to report yet" in browser.get(page(name)).content.decode()


class TestWhatWorks:
    @pytest.fixture
    def followed(self, issue) -> Issue:
        """Everybody agreed; of health, twelve followed the course, and nine the guide."""
        Hit.objects.all().delete()
        health = Delivery.objects.filter(issue=issue, state="sent", member__sectors__slug="health").order_by("pk")
        for delivery in health:
            delivery.member.subscription.track_clicks = True
            delivery.member.subscription.save()
        for title, number in (("Course 1", 12), ("Guide 1", 9)):
            link = Link.objects.get(issue=issue, item__page__title=title)
            for delivery in health[:number]:
                Hit.objects.create(delivery=delivery, what="click", link=link, verdict="human", reason="x")
        add_up(issue.pk)
        return issue

    def test_ranks_by_the_share_that_followed(self, followed):
        _, items = what_works([followed], "health")
        base = Total.objects.get(issue=followed, dimension="sector", key="health").agreed_clicks
        assert (items[0].label, items[0].agreed) == ("Course 1", base)
        assert [one.followed for one in items] == [None, None], "the nine are hidden, and what would give them away"

    def test_ten_clicks_of_one_person_in_ten_months_are_not_ten_people(self, followed):
        Total.objects.filter(dimension="sector_item").update(clickers_human=9)
        _, items = what_works([followed], "health")
        assert [one.followed for one in items] == [None, None]

    def test_a_sector_may_have_any_name_in_a_workbook(self, issue, browser):
        name = "Police/courts: [all] *new*? and more \\ others"
        Sector.objects.filter(slug="health").update(name=name)
        response = browser.get(page("report_sectors", query="?sector=health&download=xlsx"))
        sheets = load_workbook(io.BytesIO(response.content)).sheetnames
        assert sheets == ["Kinds that work for Police-cour", "Entries that work for Police-co"]

    def test_sheets_with_the_same_title_have_names_of_their_own(self):
        tables = [Table(name=name, title="a" * 40, columns=[Column("Of")], rows=[Row([name])]) for name in "xyz"]
        asked = RequestFactory().get("/?download=xlsx")
        book = load_workbook(io.BytesIO(download(asked, tables, "file").content))
        assert book.sheetnames == ["a" * 31, "a" * 29 + " 2", "a" * 29 + " 3"]
        assert [list(sheet.values)[1][0] for sheet in book] == ["x", "y", "z"]

    def test_shares_are_said_where_ten_followed(self, followed, browser):
        rows = Total.objects.filter(issue=followed)
        rows.filter(dimension="edition").delete()  # these figures are not theirs
        rows.filter(dimension__in=["issue", "item", "kind"]).update(sent=500, agreed_clicks=300, clickers_human=200)
        rows.filter(dimension="sector").update(sent=60, agreed_clicks=40, clickers_human=30)
        rows.filter(dimension__startswith="sector_").update(sent=20, agreed_clicks=20, clickers_human=12)
        response = browser.get(page("report_sectors", query="?sector=health"))
        assert [row.values[-1] for row in response.context["tables"][1].rows] == [12 / 20] * 2
        assert "Entries that work for Health" in response.content.decode()


class TestEntries:
    def test_lists_by_reach_and_names_what_nobody_followed(self, issue):
        guide, course = (issue.items.get(page__title=title) for title in ("Guide 1", "Course 1"))
        Total.objects.filter(issue=issue, dimension="item", key=course.pk).update(clickers_human=0)
        found = entries([issue])
        assert [one.page for one in found] == [guide.page_id, course.page_id]
        # The other's figure would give it away: which of the two was not followed is not said.
        assert [one.page for one in never_followed(found)] == [guide.page_id, course.page_id]

    def test_hides_of_a_sector_what_the_issues_report_hides(self, issue, browser):
        rows = Total.objects.filter(issue=issue, dimension="sector")
        rows.update(agreed_clicks=30, clickers_human=20)
        rows.filter(key="health").update(agreed_clicks=5)
        rows.filter(key="prisons").update(agreed_clicks=12)
        found = {line.key: line.figures.agreed_clicks for line in report(issue).sectors}
        assert (found["health"], found["prisons"]) == (None, None)
        tables = {table.name: table for table in browser.get(page("report_entries")).context["tables"]}
        served = {row.url.rpartition("=")[2]: row.values[4] for row in tables["sectors"].rows}
        assert (served["health"], served["prisons"]) == (None, None)

    def test_sectors_with_little_of_their_own_come_first(self, issue):
        served = {one.slug: one for one in sectors_served(latest_issues(12))}
        assert (served["health"].own, served["health"].items) == (1, 2)
        assert (served["prisons"].own, served["prisons"].items, served["prisons"].under_served) == (0, 1, True)


class TestEngagement:
    def test_equals_a_count_of_the_rows(self):
        issues = send_months(3)
        newest, lines = engagement()
        assert newest == issues[-1]
        agreed, followed = set(), {}
        for delivery in Delivery.objects.filter(state="sent").select_related("member__subscription"):
            if delivery.member.subscription.track_clicks:
                agreed.add(delivery.member_id)
                clicks = Hit.objects.filter(delivery=delivery, what="click", verdict="human").exists()
                followed[delivery.member_id] = followed.get(delivery.member_id, 0) + clicks
        counts = [sum(number == place for number in followed.values()) for place in range(4)]
        everybody = lines[0]
        assert everybody.agreed_clicks == len(agreed) == sum(counts)
        assert len(everybody.followed) == 4
        for shown, count in zip(everybody.followed, counts, strict=True):
            assert shown in (None, count)
        assert any(everybody.followed)

    def test_forgets_single_people_with_the_hits(self):
        issues = send_months(2)
        closing.close(issues[0].pk)
        Rollup.objects.filter(pk=issues[1].pk).update(counted_at=None)
        add_up_stale()
        _, lines = engagement()
        assert len(lines[0].followed) == 2, "only one issue is still kept"

    def test_names_nobody(self, browser):
        send_months(1)
        assert "example.org" not in browser.get(page("report_engagement")).content.decode().replace(
            "approver@example.org", ""
        )


@pytest.mark.parametrize("name", PAGES)
def test_costs_the_same_for_many_issues_as_for_few(browser, name):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(page(name)).status_code == 200
        return len(captured)

    send_months(1, members=40)
    browser.get(page(name))
    few = queries()
    for month in (2, 3):
        more = [factories.entry(title=f"More {month} {number}", sectors=["health"]) for number in range(4)]
        sent_issue(f"2026-0{month}", more, random.Random(month))
    make_members(60)
    while add_up_stale():
        pass
    assert queries() == few


def test_issue_report_costs_the_same_for_many_as_for_few(browser):
    def queries(issue: Issue) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(page("report", issue.pk)).status_code == 200
        return len(captured)

    few = send_months(1, members=20)[0]
    make_members(60)
    many = sent_issue("2026-11", [factories.entry(title=f"Of {number}") for number in range(5)], random.Random(2))
    add_up(many.pk)
    queries(few)
    assert queries(few) == queries(many)
