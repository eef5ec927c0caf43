"""One issue in three months: with what the quarter brought and is still of use, and nothing in between."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.models import Kind
from membership.audiences import audience_of
from newsletter.editions import IssueEditions, quarterly_limit
from newsletter.freezing import freeze
from newsletter.models import Edition, Issue, Item, Link, Mailing, NewsletterSettings
from newsletter.periods import Period
from tests import factories
from tests.cms.privacy import put_away

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def first_of_january():
    with time_machine.travel("2027-01-01T09:00:00Z", tick=False):
        yield


def sent_issue(period, pages):
    issue = factories.issue(period, pages=pages, live=True)
    factories.sent(issue)
    return issue


@pytest.fixture
def quarter():
    """October and November have been sent, December is approved."""
    sent_issue(
        "2026-10",
        [factories.entry(title="October, all"), factories.entry(title="October, schools", sectors=["schools"])],
    )
    sent_issue("2026-11", [factories.entry("service", title="November, health", sectors=["health"])])
    return factories.issue("2026-12", pages=[factories.entry("training", title="December, all")], live=True)


def titles(one):
    return list(one.member.deliveries.get().edition.places.values_list("item__page__title", flat=True))


def test_months_that_end_a_quarter():
    assert [month for month in range(1, 13) if Period(2027, month).ends_quarter] == [3, 6, 9, 12]
    assert {str(Period(2027, month).quarter_end) for month in (4, 5, 6)} == {"2027-06"}


def test_gets_the_quarter_at_its_end(quarter):
    monthly, quarterly = factories.subscription(), factories.subscription(frequency="quarterly")
    freeze(quarter)
    assert titles(monthly) == ["December, all"]
    assert titles(quarterly) == ["November, health", "December, all", "October, all"]


@pytest.mark.parametrize(("period", "month"), [("2027-01", "March"), ("2027-02", "March"), ("2027-10", "December")])
def test_gets_nothing_in_between_and_the_ledger_says_why(period, month):
    issue = factories.issue(period, pages=[factories.entry()], live=True)
    monthly, quarterly = factories.subscription(), factories.subscription(frequency="quarterly")
    paused = factories.subscription(frequency="quarterly", state="paused")
    freeze(issue)
    assert monthly.member.deliveries.get().state == "pending"
    delivery = quarterly.member.deliveries.get()
    assert (delivery.state, delivery.edition, delivery.reason) == ("skipped", None, f"quarterly: next issue in {month}")
    assert paused.member.deliveries.get().reason == "paused"


def test_quarter_without_anything_for_them_is_said_as_such(quarter):
    one = factories.subscription(frequency="quarterly", kinds=["funding"])
    freeze(quarter)
    assert one.member.deliveries.get().reason == "nothing new for this member"


def test_what_is_past_gone_left_out_or_not_sent_is_not_carried(quarter):
    october = Issue.objects.get(period="2026-10")
    past = factories.entry("event", title="Past", starts_at=date_time(2026, 12, 20))
    stale = factories.entry(title="Overdue", review_due=date(2026, 12, 31))
    gone, out = factories.entry(title="Gone"), factories.entry(title="Left out")
    useful = factories.entry("event", title="Still to come", starts_at=date_time(2027, 1, 20))
    for page in (past, stale, gone, out, useful):
        Item.objects.create(
            issue=october, page=page, announcement=date(2026, 10, 9), section=page.kind, left_out=page == out
        )
    gone.unpublish()
    factories.issue("2026-09", pages=[factories.entry(title="The quarter before")], live=True)
    Mailing.objects.filter(issue__period="2026-11").update(state=Mailing.State.CANCELLED)
    one = factories.subscription(frequency="quarterly")
    freeze(quarter)
    assert titles(one) == ["December, all", "October, all", "Still to come"]


def test_what_was_put_behind_page_privacy_since_is_not_carried(quarter):
    put_away(Item.objects.get(page__title="October, all").page)
    one = factories.subscription(frequency="quarterly")
    freeze(quarter)
    assert titles(one) == ["November, health", "December, all"]


def test_entry_announced_twice_in_the_quarter_comes_once(quarter):
    page = Item.objects.get(page__title="October, all").page
    Item.objects.create(issue=quarter, page=page, announcement=date(2026, 12, 5), section=page.kind, headline="Updated")
    one = factories.subscription(frequency="quarterly")
    freeze(Issue.objects.get(pk=quarter.pk))
    assert titles(one).count("October, all") == 1
    assert "Updated" in one.member.deliveries.get().edition.html


def test_entry_left_out_of_this_issue_does_not_come_by_an_earlier_one(quarter):
    page = Item.objects.get(page__title="October, all").page
    Item.objects.create(issue=quarter, page=page, announcement=date(2026, 12, 5), section=page.kind, left_out=True)
    one = factories.subscription(frequency="quarterly")
    freeze(Issue.objects.get(pk=quarter.pk))
    assert "October, all" not in titles(one)


def test_what_editors_changed_about_an_item_comes_along(quarter):
    item = Item.objects.get(page__title="October, all")
    item.headline = "In the editor’s words"
    item.sectors.set([factories.sector("schools")])
    item.save()
    health, schools = (
        factories.subscription(frequency="quarterly", sectors=[slug], kinds=["resource"])
        for slug in ("health", "schools")
    )
    freeze(quarter)
    assert health.member.deliveries.get().edition is None
    assert "In the editor’s words" in schools.member.deliveries.get().edition.text


def test_has_a_limit_of_its_own(quarter):
    NewsletterSettings.objects.update_or_create(defaults={"items_per_edition": 1})
    one = factories.subscription(frequency="quarterly")
    freeze(quarter)
    assert titles(one) == ["November, health", "December, all"]
    assert one.member.deliveries.get().edition.more_count == 1
    assert [quarterly_limit(limit) for limit in (1, 12, 20, 40)] == [2, 24, 25, 40]


def test_links_stay_unique_and_lead_where_they_should(quarter):
    factories.subscription()
    factories.subscription(frequency="quarterly")
    factories.subscription(frequency="quarterly", sectors=["schools"])
    freeze(quarter)
    links = Link.objects.filter(issue=quarter).order_by("number")
    assert [link.number for link in links] == [1, 2, 3, 4]
    assert links[0].item.page.title == "December, all"
    for link in links:
        assert link.url.endswith(f"/directory/{link.item.page.slug}/")
    for edition in Edition.objects.filter(issue=quarter):
        for place in edition.places.select_related("item__page"):
            assert f"/directory/{place.item.page.slug}/" in edition.html


def test_earlier_issues_are_read_only_when_they_are_needed(quarter):
    def reads(of, frequency):
        audience = audience_of(factories.subscription(frequency=frequency))
        editions = IssueEditions(of)
        with CaptureQueriesContext(connection) as captured:
            editions.choose(audience)
        return len(captured)

    between = factories.issue("2027-01", pages=[factories.entry()], live=True)
    assert reads(quarter, "monthly") == 0
    assert reads(between, "quarterly") == 0
    assert reads(quarter, "quarterly") > 0
    factories.subscription()
    freeze(between)
    assert Link.objects.filter(issue=between).count() == 1


def test_web_version_and_monthly_readers_see_this_months_only(quarter):
    editions = IssueEditions(quarter)
    editions.load_quarter()
    assert len(editions.general().items) == 1
    assert len(editions.choose(audience_of(factories.subscription())).items) == 1


def test_number_of_queries_does_not_grow_with_the_quarter():
    def queries(period, count):
        def pages():
            return [
                factories.entry(Kind.values[number % 8], sectors=["health"] * (number % 2)) for number in range(count)
            ]

        month = Period.parse(period)
        sent_issue(str(month.previous), pages())
        sent_issue(str(month.previous.previous), pages())
        issue = factories.issue(period, pages=pages(), live=True)
        audience = audience_of(factories.subscription(frequency="quarterly"))
        with CaptureQueriesContext(connection) as captured:
            editions = IssueEditions(issue)
            editions.choose(audience)
            editions.numbered()
        assert len(editions.items) == 3 * count
        return len(captured)

    NewsletterSettings.load()
    assert queries("2026-09", 8) == queries("2026-12", 24)


def date_time(*parts):
    from django.utils import timezone

    return timezone.make_aware(timezone.datetime(*parts)) + timedelta(hours=10)
