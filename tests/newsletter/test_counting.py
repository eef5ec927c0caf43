"""Links that are the same for everybody: counted by link and day, and by nothing else."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection

from newsletter.freezing import freeze
from newsletter.models import Hit, Issue, Link, LinkCount, Mailing, NewsletterSettings
from newsletter.skeletons import Variant, Workshop
from newsletter.tracking import COUNTED_FOR
from tests import factories
from tests.newsletter.fakes import open_mailing

TARGET = "http://localhost:8000/directory/guide/"


@pytest.fixture
def issue(db) -> Issue:
    issue = open_mailing([])
    Mailing.objects.update(counts_clicks=True)
    Link.objects.create(issue=issue, number=1, url=TARGET)
    return issue


@pytest.fixture
def approved(db) -> Issue:
    return factories.approved_issue()


def counts() -> list[tuple[str, int]]:
    return [(f"{day}", clicks) for day, clicks in LinkCount.objects.order_by("day").values_list("day", "clicks")]


def test_leads_on_and_is_counted_by_the_day_in_london(client, issue):
    with time_machine.travel(datetime(2026, 10, 24, 22, 30, tzinfo=UTC), tick=False):  # half past eleven in London
        Mailing.objects.update(started_at=datetime.now(UTC))
        response = client.get("/l/2026-10/1")
        assert (response.status_code, response["Location"]) == (302, TARGET)
        assert not response.cookies
        client.get("/l/2026-10/1")
    with time_machine.travel(datetime(2026, 10, 24, 23, 30, tzinfo=UTC), tick=False):
        client.get("/l/2026-10/1")
    assert counts() == [("2026-10-24", 2), ("2026-10-25", 1)]
    assert not Hit.objects.exists()


def test_a_correction_has_its_own(client, issue):
    correction = open_mailing([], period="2026-10-c1")
    Mailing.objects.filter(issue=correction).update(counts_clicks=True)
    link = Link.objects.create(issue=correction, number=1, url=f"{TARGET}again/")
    assert client.get("/l/2026-10-c1/1")["Location"] == f"{TARGET}again/"
    assert LinkCount.objects.get().link == link


@pytest.mark.parametrize("agent", ["curl/8.0", "Mozilla/5.0 (compatible; bingbot/2.0)"])
def test_declared_robots_are_led_on_and_not_counted(client, issue, agent):
    assert client.get("/l/2026-10/1", headers={"user-agent": agent})["Location"] == TARGET
    assert counts() == []


def test_neither_are_those_who_ask_for_headers_or_fetch_ahead(client, issue):
    assert client.head("/l/2026-10/1")["Location"] == TARGET
    assert client.get("/l/2026-10/1", headers={"sec-purpose": "prefetch"})["Location"] == TARGET
    assert counts() == []


@pytest.mark.parametrize(
    "address", ["/l/2026-10/2", "/l/2026-11/1", "/l/2026-10-c1/1", "/l/2026-1/1", "/l/é/1", "/l/2026-10/99999999"]
)
def test_what_is_unknown_is_not_found(client, issue, address):
    assert client.get(address).status_code == 404
    assert counts() == []


def test_issue_that_does_not_count_has_no_such_address(client, issue):
    Mailing.objects.update(counts_clicks=False)
    assert client.get("/l/2026-10/1").status_code == 404


def test_counting_ends_and_the_link_still_leads_on(client, issue):
    Mailing.objects.update(started_at=datetime.now(UTC) - COUNTED_FOR)
    assert client.get("/l/2026-10/1")["Location"] == TARGET
    assert counts() == []


def test_costs_one_statement(client, issue, django_assert_num_queries):
    client.get("/l/2026-10/1")
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 2):
        client.get("/l/2026-10/1")


class TestFreezing:
    @pytest.mark.parametrize("counts", [False, True])
    def test_the_setting_is_fixed_when_the_issue_is_frozen(self, approved, members, counts):
        NewsletterSettings.objects.update_or_create(defaults={"counts_clicks": counts})
        freeze(approved)
        NewsletterSettings.objects.update(counts_clicks=not counts)
        assert approved.get_mailing().counts_clicks is counts
        edition = approved.editions.first()
        workshop = Workshop(approved)
        page = workshop.skeleton(edition.pk, Variant()).message(
            delivery=1, address="ada@example.org", first_name="Ada", token="A" * 24
        )
        html = page.as_email().get_body(("html",)).get_content()
        assert ("http://localhost:8000/l/2026-10/1" in html) is counts
        assert (Link.objects.get(issue=approved, number=1).url in html) is not counts
        assert "/o/" not in html, "there is no pixel without consent, not even a shared one"
