"""“What we have measured about you”: all of it in plain words, switched off and deleted there and then."""

from datetime import timedelta

import pytest
from django.utils import timezone

from membership.models import ConsentRecord, Subscription
from newsletter import measured
from newsletter.models import Delivery, Hit, Link, Rollup
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand

PAGE = "/account/measured/"


@pytest.fixture
def ada(db) -> Subscription:
    return factories.subscription("ada@example.org", track_opens=True, track_clicks=True)


@pytest.fixture
def other(db) -> Subscription:
    return factories.subscription("other@example.org", track_opens=True)


@pytest.fixture
def tokens(ada, other) -> dict[str, str]:
    """October's issue to both, with an open of each and a click of Ada's that was judged."""
    issue = open_mailing([ada, other])
    link = Link.objects.create(issue=issue, number=1, url="https://example.org/guide/")
    tokens = send_by_hand(issue)
    for delivery in Delivery.objects.all():
        Hit.objects.create(delivery=delivery, what="open")
    judged = {"verdict": "machine", "reason": "burst"}
    Hit.objects.create(delivery=Delivery.objects.get(member=ada.member), what="click", link=link, **judged)
    return tokens


@pytest.fixture
def visitor(client, ada):
    client.force_login(ada.member.user)
    return client


def switches(person: Subscription) -> tuple[bool, bool]:
    person.refresh_from_db()
    return person.track_opens, person.track_clicks


def text(response) -> str:
    return " ".join(response.content.decode().split())


class TestPage:
    def test_needs_a_login(self, client, tokens):
        assert client.get(PAGE).status_code == 302

    def test_lists_what_was_measured_by_issue_with_verdict_and_reason(self, visitor, tokens):
        page = visitor.get(PAGE)
        (issue,) = page.context["found"].issues
        assert (issue.title, issue.opens, issue.clicks) == ("i-HOP e-news 2026-10", 1, 1)
        assert "The e-news was opened" in text(page)
        assert '<a href="https://example.org/guide/" dir="auto">https://example.org/guide/</a>' in text(page)
        assert "A machine" in text(page)
        assert "Different links were followed faster than anybody reads." in text(page)
        assert "Not judged yet" in text(page)

    def test_says_that_there_is_nothing_and_why(self, visitor, ada):
        assert "Nothing yet." in text(visitor.get(PAGE))
        Subscription.objects.update(track_opens=False, track_clicks=False)
        assert "You have not agreed to any measuring" in text(visitor.get(PAGE))
        assert "Delete what was measured" not in text(visitor.get(PAGE))

    def test_whoever_is_no_member_is_asked_to_join(self, client, db):
        client.force_login(factories.UserFactory(email="staff@example.org"))
        assert client.get(PAGE)["Location"] == "/join/"

    def test_is_linked_from_the_account_and_the_choices(self, visitor):
        assert PAGE in text(visitor.get("/account/"))
        assert PAGE in text(visitor.get("/account/preferences/"))

    def test_costs_the_same_for_more(self, visitor, ada, tokens, django_assert_num_queries, monkeypatch):
        with django_assert_num_queries(5):
            visitor.get(PAGE)
        for month in ("2026-11", "2026-12"):
            open_mailing([ada], period=month)
        for delivery in Delivery.objects.filter(member=ada.member):
            Hit.objects.bulk_create(Hit(delivery=delivery, what="open") for _ in range(9))
        with django_assert_num_queries(5):
            assert len(visitor.get(PAGE).context["found"].issues) == 3

    def test_as_many_as_can_be_read_the_latest(self, visitor, ada, tokens, monkeypatch):
        monkeypatch.setattr(measured, "SHOWN", 3)
        delivery = Delivery.objects.get(member=ada.member)
        old = timezone.now() - timedelta(days=9)
        Hit.objects.bulk_create(Hit(delivery=delivery, what="open", at=old) for _ in range(3))
        found = visitor.get(PAGE).context["found"]
        assert (found.total, found.shown, found.more) == (5, 3, 2)
        assert found.issues[0].lines[0].at > found.issues[0].lines[-1].at == old


class TestSwitches:
    def test_each_is_kept_and_recorded(self, visitor, ada):
        page = visitor.post(PAGE, {"act": "save", "track_clicks": "on"}, follow=True)
        assert "Your choice is saved." in text(page)
        assert switches(ada) == (False, True)
        record = ConsentRecord.objects.get()
        assert (record.purpose, record.act, record.channel) == ("opens", "withdrawn", "preferences")

    def test_nothing_else_is_touched(self, visitor, ada):
        Subscription.objects.update(kinds=[])  # joined without the e-news
        visitor.post(PAGE, {"act": "save"})
        assert switches(ada) == (False, False)
        assert ada.kinds == []


class TestDeleting:
    def test_deletes_all_of_it_and_nobody_elses(self, visitor, ada, tokens):
        page = visitor.post(PAGE, {"act": "delete"}, follow=True)
        assert "is deleted" in text(page)
        assert not Hit.objects.filter(delivery__member=ada.member).exists()
        assert Hit.objects.count() == 1
        assert Rollup.objects.get().stale_since
        assert switches(ada) == (True, True), "that is another choice"

    def test_a_look_deletes_nothing(self, visitor, tokens):
        visitor.get(PAGE, {"act": "delete"})
        assert Hit.objects.count() == 3

    def test_again_is_no_error(self, visitor, ada):
        assert "nothing to delete" in text(visitor.post(PAGE, {"act": "delete"}, follow=True))
        assert not Rollup.objects.exists()


class TestByLink:
    """Mails are passed on: whoever holds one may switch off and delete, and sees nothing of what was read."""

    def test_shows_how_much_and_nothing_of_it(self, client, tokens):
        page = client.get(f"/e-news/p/{tokens['ada']}/measured/")
        assert "We have kept 2 opens or clicks of yours." in text(page)
        assert "guide" not in text(page)
        assert "ada@example.org" not in text(page)
        assert f"/e-news/p/{tokens['ada']}/measured/" in text(client.get(f"/e-news/p/{tokens['ada']}/"))

    def test_switches_off_and_deletes(self, client, ada, tokens):
        address = f"/e-news/p/{tokens['ada']}/measured/"
        assert client.post(address, {"act": "save"})["Location"] == address
        assert client.post(address, {"act": "delete"})["Location"] == address
        assert switches(ada) == (False, False)
        assert not Hit.objects.filter(delivery__member=ada.member).exists()

    def test_switches_nothing_on(self, client, ada, tokens):
        """Neither here nor among the choices: consent is the member's own, not of whoever was sent the mail on."""
        Subscription.objects.filter(pk=ada.pk).update(track_opens=False)
        wanted = {"act": "save", "track_opens": "on", "track_clicks": "on"}
        for address in (f"/e-news/p/{tokens['ada']}/measured/", f"/e-news/p/{tokens['ada']}/"):
            assert "Log in to switch it on." in text(client.get(address))
            sectors = [one.pk for one in ada.member.sectors.all()]
            answer = client.post(address, wanted | {"sectors": sectors, "kinds": ada.kinds, "frequency": "monthly"})
            assert answer.status_code == 302
            assert switches(ada) == (False, True)
        assert not ConsentRecord.objects.exists()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_old_or_unknown_links_lead_where_there_is_a_fresh_one(self, client, tokens, method):
        Delivery.objects.update(finished_at=timezone.now() - timedelta(days=8))
        for token in (tokens["ada"], "A" * 24):
            response = getattr(client, method)(f"/e-news/p/{token}/measured/", {"act": "delete"})
            assert response["Location"] == f"/e-news/p/{token}/"
        assert Hit.objects.count() == 3
