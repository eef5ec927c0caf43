"""Clicks and opens: only of those who agree today, never a redirect elsewhere, and no cookie."""

import pytest
from django.db import connection

from membership import services
from membership.models import ConsentRecord, Subscription
from newsletter.models import Hit, Link
from newsletter.tokens import delivery_token
from tests import factories
from tests.newsletter.fakes import erase, open_mailing, send_by_hand

TARGET = "http://localhost:8000/directory/guide/"


@pytest.fixture
def people(db) -> dict[str, Subscription]:
    return {
        "agrees": factories.subscription("agrees@example.org", track_clicks=True, track_opens=True),
        "refuses": factories.subscription("refuses@example.org"),
    }


@pytest.fixture
def tokens(people) -> dict[str, str]:
    issue = open_mailing(list(people.values()))
    Link.objects.create(issue=issue, number=1, url=TARGET)
    return send_by_hand(issue)


def choose(person: Subscription, *, clicks: bool = False, opens: bool = False) -> None:
    services.change_preferences(
        subscription=person,
        sectors=person.member.sectors.all(),
        region=person.member.region,
        kinds=person.kinds,
        track_clicks=clicks,
        track_opens=opens,
    )


def hits() -> list[tuple[str, str | None]]:
    return list(Hit.objects.values_list("what", "link__url").order_by("pk"))


class TestClick:
    def test_leads_to_the_numbered_link_and_counts(self, client, tokens):
        response = client.get(f"/l/{tokens['agrees']}/1")
        assert (response.status_code, response["Location"]) == (302, TARGET)
        assert hits() == [("click", TARGET)]

    def test_of_who_did_not_agree_leads_there_too_and_is_not_kept(self, client, tokens):
        assert client.get(f"/l/{tokens['refuses']}/1")["Location"] == TARGET
        assert hits() == []

    @pytest.mark.parametrize("number", ["0", "2", "99999999999999999999999", "1/"])
    def test_unknown_number_is_not_found(self, client, tokens, number):
        assert client.get(f"/l/{tokens['agrees']}/{number}").status_code == 404
        assert hits() == []

    @pytest.mark.parametrize("number", ["-1", "x", "1.5", "//evil.example"])
    def test_what_is_no_number_is_not_found(self, client, tokens, number):
        response = client.get(f"/l/{tokens['agrees']}/{number}", follow=True)
        assert response.status_code == 404
        assert all(address.startswith(f"/l/{tokens['agrees']}/") for address, _ in response.redirect_chain)

    @pytest.mark.parametrize("token", ["x", "A" * 24, "é" * 24, "A" * 3000])
    def test_unknown_token_is_not_found(self, client, tokens, token):
        assert client.get(f"/l/{token}/1").status_code == 404

    def test_number_of_another_issue_is_not_found(self, client, tokens):
        other = open_mailing([], period="2026-11")
        Link.objects.create(issue=other, number=7, url=f"{TARGET}other/")
        assert client.get(f"/l/{tokens['agrees']}/7").status_code == 404

    @pytest.mark.parametrize("query", ["?url=https://evil.example", "?next=//evil.example", "?n=2"])
    def test_never_leads_elsewhere(self, client, tokens, query):
        assert client.get(f"/l/{tokens['agrees']}/1{query}")["Location"] == TARGET

    def test_token_that_was_never_sent_is_not_found(self, client, people):
        issue = open_mailing(list(people.values()))
        Link.objects.create(issue=issue, number=1, url=TARGET)
        nonce = issue.deliveries.first().nonce
        assert client.get(f"/l/{delivery_token(nonce)}/1").status_code == 404

    def test_needs_no_post(self, client, tokens):
        assert client.post(f"/l/{tokens['agrees']}/1").status_code == 405
        assert hits() == []


class TestPixel:
    def test_is_a_picture_and_counts(self, client, tokens):
        response = client.get(f"/o/{tokens['agrees']}.gif")
        assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
        assert response.content.startswith(b"GIF89a")
        assert hits() == [("open", None)]

    @pytest.mark.parametrize("token", ["x", "A" * 24, "é" * 24])
    def test_of_nobody_we_know_is_the_same_picture(self, client, tokens, token):
        known = client.get(f"/o/{tokens['refuses']}.gif")
        unknown = client.get(f"/o/{token}.gif")
        assert (unknown.status_code, unknown.content) == (200, known.content)
        assert hits() == []


class TestConsent:
    def visit(self, client, token):
        client.get(f"/l/{token}/1")
        client.get(f"/o/{token}.gif")

    def test_each_switch_counts_for_itself(self, client, tokens, people):
        choose(people["refuses"], clicks=True)
        self.visit(client, tokens["refuses"])
        choose(people["refuses"], opens=True)
        self.visit(client, tokens["refuses"])
        assert [what for what, _ in hits()] == ["click", "open"]

    def test_leaving_stops_recording_on_mail_already_sent(self, client, tokens, people):
        client.post(f"/e-news/u/{tokens['agrees']}/")
        self.visit(client, tokens["agrees"])
        client.get(f"/e-news/u/{tokens['agrees']}/")
        assert hits() == []
        people["agrees"].refresh_from_db()
        services.undo_leaving(subscription=people["agrees"])
        self.visit(client, tokens["agrees"])
        assert [what for what, _ in hits()] == ["click", "open"], "with it, what they agreed to is back"

    def test_a_pause_ends_no_consent(self, client, tokens, people):
        services.pause(subscription=people["agrees"])
        self.visit(client, tokens["agrees"])
        assert [what for what, _ in hits()] == ["click", "open"]

    def test_withdrawn_consent_stops_recording_on_mail_already_sent(self, client, tokens, people):
        self.visit(client, tokens["agrees"])
        choose(people["agrees"])
        self.visit(client, tokens["agrees"])
        assert len(hits()) == 2
        withdrawn = ConsentRecord.objects.filter(act="withdrawn").values_list("purpose", flat=True)
        assert sorted(withdrawn) == ["clicks", "opens"]

    def test_somebody_erased_is_led_on_and_not_kept(self, client, tokens, people):
        erase(people["agrees"])
        assert client.get(f"/l/{tokens['agrees']}/1")["Location"] == TARGET
        self.visit(client, tokens["agrees"])
        assert hits() == []

    def test_nothing_is_kept_in_the_browser_or_in_between(self, client, tokens):
        for address in (f"/l/{tokens['agrees']}/1", f"/o/{tokens['agrees']}.gif"):
            response = client.get(address)
            assert not response.cookies
            assert "no-store" in response["Cache-Control"]

    def test_looking_at_the_page_to_leave_is_kept_as_a_click_is(self, client, tokens):
        for token in tokens.values():
            client.get(f"/e-news/u/{token}/")
        assert hits() == [("leave", None)]

    def test_neither_ip_nor_agent_is_kept(self, client, tokens):
        client.get(f"/o/{tokens['agrees']}.gif", REMOTE_ADDR="203.0.113.9", headers={"user-agent": "Mail/7"})
        kept = str(Hit.objects.values().get())
        assert "203.0.113.9" not in kept
        assert "Mail/7" not in kept


class TestSigns:
    """What a machine gives away is kept with the hit; the redirect is the same for everybody."""

    @pytest.mark.parametrize(
        ("headers", "signals"),
        [
            ({"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, 0),
            ({"user-agent": "curl/8.0"}, Hit.Signal.ROBOT),
            ({"user-agent": "Example/1", "sec-purpose": "prefetch"}, Hit.Signal.PREFETCH),
        ],
    )
    def test_are_kept_with_the_hit(self, client, tokens, headers, signals):
        assert client.get(f"/l/{tokens['agrees']}/1", headers=headers)["Location"] == TARGET
        client.get(f"/o/{tokens['agrees']}.gif", headers=headers)
        assert list(Hit.objects.values_list("signals", flat=True)) == [signals] * 2

    def test_asking_for_the_headers_is_a_sign(self, client, tokens):
        assert client.head(f"/l/{tokens['agrees']}/1")["Location"] == TARGET
        assert client.head(f"/o/{tokens['agrees']}.gif").status_code == 200
        client.head(f"/l/{tokens['refuses']}/1")
        assert all(found & Hit.Signal.HEAD for found in Hit.objects.values_list("signals", flat=True))
        assert Hit.objects.count() == 2, "and still nothing is kept of who did not agree"

    def test_the_network_is_that_of_the_visitor_behind_the_proxies(self, client, tokens, settings):
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        for visitor in ("192.0.2.1", "192.0.2.77", "198.51.100.1"):
            client.get(f"/o/{tokens['agrees']}.gif", headers={"x-forwarded-for": f"203.0.113.5, {visitor}"})
        first, same, other = Hit.objects.order_by("pk").values_list("network", flat=True)
        assert first == same != other

    def test_address_that_cannot_be_told_hides_nobody_the_way(self, client, tokens, settings):
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 3
        assert client.get(f"/l/{tokens['agrees']}/1", headers={"x-forwarded-for": "nonsense"})["Location"] == TARGET
        assert Hit.objects.get().network is None

    def test_cost_one_statement(self, client, tokens, django_assert_num_queries):
        click, pixel = f"/l/{tokens['agrees']}/1", f"/o/{tokens['agrees']}.gif"
        client.get(click)
        client.get(pixel)
        with django_assert_num_queries(1 if connection.vendor == "postgresql" else 2):
            client.get(click)
        with django_assert_num_queries(1):
            client.get(pixel)
        assert Hit.objects.count() == 4
