"""The preferences page: how often, until when, leaving and its undo, and what the choices would bring."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from membership import services
from membership.models import ConsentRecord, Subscription
from tests import factories
from tests.factories import region, sector, subscription

pytestmark = pytest.mark.django_db
State, Channel = Subscription.State, ConsentRecord.Channel
PAGE = "/account/preferences/"
HTMX = {"HX-Request": "true"}


def choosing(**changed):
    return {
        "sectors": [sector("health").pk],
        "region": region("north-east").pk,
        "kinds": ["resource", "service", "training"],
        "frequency": "monthly",
        **changed,
    }


def news(of):
    return list(of.member.consents.filter(purpose="news").order_by("pk").values_list("act", "channel"))


class TestFrequency:
    def test_is_saved_and_takes_the_audience_away(self, log_in):
        one = subscription()
        browser = log_in(one)
        browser.post(PAGE, choosing(act="save", frequency="quarterly"))
        one = Subscription.objects.get()
        assert (one.frequency, one.audience) == ("quarterly", None)
        assert "every three months" in browser.get(PAGE).content.decode()

    def test_page_that_does_not_ask_leaves_it(self, log_in):
        one = subscription(frequency="quarterly")
        data = choosing(act="save")
        del data["frequency"]
        log_in(one).post(PAGE, data)
        assert Subscription.objects.get().frequency == "quarterly"

    def test_unknown_frequency_changes_nothing(self, log_in):
        response = log_in(subscription()).post(PAGE, choosing(act="save", frequency="hourly"))
        assert response.status_code == 400
        assert Subscription.objects.get().frequency == "monthly"


class TestPause:
    def test_until_a_day(self, log_in):
        day = timezone.localdate() + timedelta(days=30)
        text = log_in(subscription()).post(PAGE, {"act": "pause", "until": day.isoformat()}, follow=True).content
        assert b"Your e-news is paused until" in text
        one = Subscription.objects.get()
        assert (one.state, one.paused_until) == (State.PAUSED, day)

    def test_day_may_be_written_as_people_here_do(self, log_in):
        day = timezone.localdate() + timedelta(days=30)
        log_in(subscription()).post(PAGE, {"act": "pause", "until": f"{day:%d/%m/%Y}"})
        assert Subscription.objects.get().paused_until == day

    @pytest.mark.parametrize("day", ["2020-01-01", "0000-00-00", "tomorrow", "1/2", "99999-01-01", "today"])
    def test_past_or_senseless_day_is_refused_at_its_field(self, log_in, day):
        day = timezone.localdate().isoformat() if day == "today" else day
        response = log_in(subscription()).post(PAGE, {"act": "pause", "until": day})
        assert response.status_code == 400
        assert list(response.context["pausing"].errors) == ["until"]
        assert b'id="id_until_error"' in response.content
        assert b"Please check your answers</h2>" in response.content
        assert Subscription.objects.get().state == State.ACTIVE

    def test_paused_members_can_choose_another_day_or_resume(self, log_in):
        one = subscription(state=State.PAUSED)
        browser = log_in(one)
        day = timezone.localdate() + timedelta(days=9)
        browser.post(PAGE, {"act": "pause", "until": day.isoformat()})
        assert Subscription.objects.get().paused_until == day
        browser.post(PAGE, {"act": "resume"})
        one = Subscription.objects.get()
        assert (one.state, one.paused_until) == (State.ACTIVE, None)


class TestUndo:
    def test_leaving_is_undone_without_another_mail(self, log_in, mailoutbox):
        one = subscription(kinds=["event"], track_clicks=True)
        browser = log_in(one)
        browser.post(PAGE, {"act": "leave"})
        assert "Undo leaving" in browser.get(PAGE).content.decode()
        browser.post(PAGE, {"act": "undo"})
        browser.post(PAGE, {"act": "undo"})  # a double click
        one = Subscription.objects.get()
        assert (one.state, one.ended_at, one.kinds, one.track_clicks) == (State.ACTIVE, None, ["event"], True)
        assert news(one) == [("withdrawn", "preferences"), ("confirmed", "undo")]
        assert mailoutbox == []

    def test_seven_days_long(self, log_in):
        one = subscription()
        services.unsubscribe(subscription=one, channel=Channel.ONE_CLICK)
        with time_machine.travel(timezone.now() + timedelta(days=6, hours=23)):
            assert services.may_undo(one)
        with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
            browser = log_in(one)
            assert "Undo leaving" not in browser.get(PAGE).content.decode()
            text = browser.post(PAGE, {"act": "undo"}, follow=True).content.decode()
            assert "You are back" not in text
        assert Subscription.objects.get().state == State.ENDED
        assert news(one) == [("withdrawn", "one-click")]

    def test_whoever_never_confirmed_cannot_become_active_by_it(self):
        one = subscription(state=State.PENDING)
        services.unsubscribe(subscription=one, channel=Channel.PREFERENCES)
        assert services.undo_leaving(subscription=one) is False
        assert Subscription.objects.get().state == State.ENDED

    @pytest.mark.parametrize("state", [State.PENDING, State.ACTIVE, State.PAUSED])
    def test_only_those_who_left(self, state):
        one = subscription(state=state)
        assert services.undo_leaving(subscription=one) is False
        assert one.state == state
        assert news(one) == []


class TestPreview:
    @pytest.fixture(autouse=True)
    def prepared(self, issue):
        return issue

    def titles(self, response):
        return {item.headline for item in response.context["preview"].items}

    def test_shows_what_the_present_choices_bring(self, log_in):
        response = log_in(subscription()).get(PAGE)
        assert self.titles(response) == {"For everyone", "For health", "For health in the North East"}
        assert b"October 2026 issue, as it is being prepared" in response.content

    def test_button_shows_what_unsaved_choices_bring_and_saves_nothing(self, log_in):
        one = subscription()
        response = log_in(one).post(PAGE, choosing(act="preview", sectors=[sector("schools").pk], track_opens="on"))
        assert response.status_code == 200
        assert self.titles(response) == {"For everyone", "For schools"}
        text = response.content.decode()
        assert "These choices are not saved yet" in text
        assert "<h1>" in text
        one = Subscription.objects.get()
        assert [found.slug for found in one.member.sectors.all()] == ["health"]
        assert (one.track_opens, one.member.consents.count()) == (False, 0)

    def test_htmx_gets_the_preview_alone(self, log_in):
        response = log_in(subscription()).post(PAGE, choosing(act="preview", region=""), headers=HTMX)
        assert self.titles(response) == {"For everyone", "For health"}
        text = response.content.decode()
        assert "<html" not in text
        assert "hx-swap-oob" in text

    def test_incomplete_choices_are_said_and_bring_no_error_page(self, log_in):
        response = log_in(subscription()).post(PAGE, choosing(act="preview", sectors=[]), headers=HTMX)
        assert response.status_code == 200
        assert b"Choose at least one sector" in response.content

    def test_without_javascript_incomplete_choices_are_said_at_their_field(self, log_in):
        response = log_in(subscription()).post(PAGE, choosing(act="preview", sectors=[]))
        assert response.status_code == 400
        assert b'id="id_sectors_error"' in response.content

    def test_says_when_choices_bring_nothing(self, log_in):
        response = log_in(subscription()).post(PAGE, choosing(act="preview", kinds=["funding"]))
        assert b"Nothing, with these choices" in response.content

    def test_needs_the_forgery_token(self):
        one = subscription()
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(one.member.user)
        assert browser.post(PAGE, choosing(act="preview"), headers=HTMX).status_code == 403

    def test_script_is_our_own_and_nothing_is_inline(self, log_in):
        text = log_in(subscription()).get(PAGE).content.decode()
        assert text.count("<script") == text.count("<script src=") == 1
        assert " style=" not in text
        assert "<style" not in text

    def test_quarterly_says_which_issue_is_next(self, log_in, prepared):
        text = log_in(subscription()).post(PAGE, choosing(act="preview", frequency="quarterly")).content.decode()
        assert "Nothing this month" in text
        assert "December 2026" in text

    def test_sent_issue_is_shown_when_there_is_nothing_newer(self, log_in, prepared):
        factories.sent(prepared)
        response = log_in(subscription()).get(PAGE)
        assert response.context["preview"].source == "sent"
        assert b"this is the latest issue, October 2026" in response.content

    @time_machine.travel("2026-11-10T12:00:00Z")
    def test_what_is_being_gathered_comes_before_what_was_sent(self, log_in, prepared):
        factories.sent(prepared)
        factories.entry(title="Fresh", published=timezone.now() - timedelta(days=2))
        response = log_in(subscription()).get(PAGE)
        assert self.titles(response) == {"Fresh"}
        assert b"gathered for the November 2026 issue" in response.content


def test_unknown_act_changes_nothing(log_in):
    text = log_in(subscription()).post(PAGE, {"act": "delete everything"}, follow=True).content.decode()
    assert "Nothing has changed" in text
    assert Subscription.objects.get().state == State.ACTIVE


def test_page_says_when_the_address_cannot_be_mailed(log_in):
    assert b"We cannot mail your address" in log_in(subscription(suppressed=True)).get(PAGE).content
