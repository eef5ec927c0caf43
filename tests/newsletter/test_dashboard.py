"""The account page: what is new, what comes next and why, and what can be done about it."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from membership import saving, services
from membership.models import ConsentRecord, Member, Subscription
from newsletter.models import Mailing, NewsletterSettings
from newsletter.welcoming import NEW_AT_MOST, next_issue
from tests import factories
from tests.cms.privacy import put_away

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=timezone.get_fixed_timezone(0))


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def log_in():
    def act(subscription):
        browser = Client()
        browser.force_login(subscription.member.user)
        return browser

    return act


def seen(one, days):
    Member.objects.filter(pk=one.member_id).update(last_visit_at=timezone.now() - timedelta(days=days))


def new(response):
    return [item.headline for item in response.context["new"]]


class TestNewForYou:
    def test_what_was_announced_since_the_last_visit_by_the_edition_rule(self, log_in):
        one = factories.subscription(kinds=["resource", "event"])
        seen(one, 10)
        ago = {days: timezone.now() - timedelta(days=days) for days in (2, 3, 20)}
        factories.entry(title="Everyone's", published=ago[2])
        factories.entry(title="Own sector", sectors=["health"], published=ago[3])
        factories.entry(title="Seen before", published=ago[20])
        factories.entry(
            title="Updated", published=ago[20], significant_update_on=timezone.localdate() - timedelta(days=1)
        )
        factories.entry(title="Another sector", sectors=["schools"], published=ago[2])
        factories.entry(title="Another region", regions=["london"], published=ago[2])
        factories.entry("policy", title="Another kind", published=ago[2])
        factories.entry(title="Not published", live=False)
        put_away(factories.entry(title="Put away", published=ago[2]))
        factories.entry(title="Overdue", published=ago[2], review_due=timezone.localdate() - timedelta(days=1))
        assert new(log_in(one).get("/account/")) == ["Own sector", "Everyone's", "Updated"]

    def test_at_most_ten(self, log_in):
        for _ in range(NEW_AT_MOST + 3):
            factories.entry(published=timezone.now() - timedelta(days=1))
        assert len(new(log_in(factories.subscription()).get("/account/"))) == NEW_AT_MOST

    def test_quarterly_readers_see_it_too(self, log_in):
        factories.entry(title="Fresh", published=timezone.now() - timedelta(days=1))
        assert new(log_in(factories.subscription(frequency="quarterly")).get("/account/")) == ["Fresh"]

    def test_visit_is_noted_once_an_hour_and_what_was_new_stays_while_it_lasts(self, log_in, november):
        one = factories.subscription()
        services_audience = one.audience
        browser = log_in(one)
        factories.entry(title="Fresh", published=timezone.now() - timedelta(days=1))
        assert new(browser.get("/account/")) == ["Fresh"]
        first = Member.objects.get().last_visit_at
        november.shift(timedelta(minutes=50))
        assert new(browser.get("/account/")) == ["Fresh"], "opening the page again loses nothing"
        assert Member.objects.get().last_visit_at == first
        november.shift(timedelta(minutes=20))
        assert new(browser.get("/account/")) == []
        assert Member.objects.get().last_visit_at > first
        assert Subscription.objects.get().audience == services_audience

    def test_visit_does_not_have_audiences_worked_out_again(self, log_in):
        from membership.audiences import assign_audiences

        one = factories.subscription()
        assign_audiences()
        log_in(one).get("/account/")
        assert Subscription.objects.get().audience


class TestNext:
    def test_says_when_and_why(self):
        coming = next_issue(factories.subscription(sectors=["health"], region_slug="north-east"))
        assert coming.when == "The November issue is planned for 1 December."
        assert coming.why == "You get it because you chose Health, North East."

    def test_own_day_of_the_month(self):
        NewsletterSettings.objects.update_or_create(defaults={"compile_day": 5})
        assert next_issue(factories.subscription()).when == "The November issue is planned for 5 December."

    def test_quarterly_readers_wait_for_the_end_of_the_quarter(self):
        coming = next_issue(factories.subscription(frequency="quarterly", region_slug=None))
        assert coming.when == "The December issue is planned for 1 January."
        assert coming.why.endswith("Health, the whole country.")

    def test_draft_that_is_late_comes_soon(self, issue):
        assert next_issue(factories.subscription()).when == "The October issue is being prepared, and comes soon."

    def test_issue_that_is_being_sent_is_on_its_way(self, issue):
        Mailing.objects.create(issue=issue, state=Mailing.State.SENDING)
        assert next_issue(factories.subscription()).when == "The October issue is on its way."

    def test_holds_what_the_rule_gives(self, issue):
        coming = next_issue(factories.subscription(sectors=["schools"], region_slug="london"))
        assert [item.headline for item in coming.preview.items] == ["For schools", "For everyone"]

    @pytest.mark.parametrize("state", ["pending", "paused", "ended"])
    def test_nothing_is_promised_to_others(self, state):
        assert next_issue(factories.subscription(state=state)) is None

    def test_nothing_is_promised_to_addresses_we_must_not_mail(self, log_in):
        one = factories.subscription(suppressed=True)
        assert next_issue(one) is None
        assert "we cannot mail your address" in log_in(one).get("/account/").content.decode()


class TestState:
    @pytest.mark.parametrize(
        ("state", "words", "act"),
        [
            ("active", "What you receive next", "/account/preferences/#state"),
            ("paused", "your e-news is paused until you resume it", 'value="resume"'),
            ("pending", "waiting for you to confirm", "/join/"),
            ("ended", "you have left the e-news", 'value="undo"'),
        ],
    )
    def test_every_state_says_what_can_be_done(self, log_in, state, words, act):
        text = log_in(factories.subscription(state=state)).get("/account/").content.decode()
        assert words in text
        assert act in text

    def test_buttons_of_the_page_work(self, log_in):
        one = factories.subscription()
        browser = log_in(one)
        services.unsubscribe(subscription=one, channel=ConsentRecord.Channel.ONE_CLICK)
        assert browser.post("/account/preferences/", {"act": "undo"}).status_code == 302
        assert Subscription.objects.get().state == "active"

    def test_is_kept_by_no_cache(self, log_in):
        assert "no-store" in log_in(factories.subscription()).get("/account/")["Cache-Control"]

    def test_account_without_membership(self):
        browser = Client()
        browser.force_login(factories.UserFactory(is_staff=True))
        response = browser.get("/account/")
        assert response.status_code == 200
        assert b"Join the e-news" in response.content


@pytest.mark.parametrize("page", ["/account/", "/account/preferences/"])
def test_number_of_queries_does_not_grow(log_in, page):
    def queries(period, count):
        one = factories.subscription(sectors=["health", "schools", "prisons"][: count // 8 + 1])
        pages = [
            factories.entry(
                ["event", "funding", "resource", "service"][number % 4],
                sectors=["health"] * (number % 2),
                regions=["north-east"] * (number % 3 == 0),
                published=timezone.now() - timedelta(days=1),
            )
            for number in range(count)
        ]
        factories.issue(period, pages=pages, live=True)
        for number, entry in enumerate(pages):
            saving.save_entry(member=one.member, entry=entry)
            if number < 15:
                saving.save_search(member=one.member, address=f"q=word{number}", in_news=False)
        browser = log_in(one)
        browser.get(page)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(page).status_code == 200
        return len(captured)

    few = queries("2026-11", 4)
    assert queries("2026-12", 24) == few
    assert few < 60
