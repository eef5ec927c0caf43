"""What Wagtail shows beside the editor of an issue: every mode, of the draft as it stands in the form."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.http import Http404
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cms.models import Region, Sector
from membership.models import User
from newsletter import inbox
from newsletter.models import Issue
from newsletter.rendering import Rendered
from tests import factories

PLACES = 4  # general modes


@pytest.fixture
def asked() -> object:
    return RequestFactory().get("/")


@pytest.fixture
def boss(db) -> User:
    return factories.UserFactory(email="boss@example.org", is_superuser=True)


def edition_mode(sector: str, region: str | None) -> str:
    return f"edition-{factories.sector(sector).pk}-{factories.region(region).pk if region else 0}"


@contextmanager
def counted(counts: list[int]) -> Iterator[None]:
    """Note the number of queries made within."""
    with CaptureQueriesContext(connection) as queries:
        yield
    counts.append(len(queries))


def shown(issue: Issue, mode: str, request: object) -> str:
    answer = issue.serve_preview(request, mode)
    assert answer.status_code == 200
    return answer.content.decode()


def issue_of(count: int, period: str = factories.PERIOD) -> Issue:
    pages = [factories.entry(title=f"Number {number}", sectors=["health"]) for number in range(count)]
    return factories.issue(period, pages=pages)


class TestModes:
    def test_there_is_one_for_every_sector_and_region(self, issue):
        modes = issue.preview_modes
        assert [name for name, _ in modes[:PLACES]] == ["email", "text", "inbox", "web"]
        assert len(modes) == PLACES + Sector.objects.count() * (Region.objects.count() + 1)
        assert dict(modes)[edition_mode("health", "north-east")] == "Health · North East"
        assert dict(modes)[edition_mode("health", None)] == "Health · national"

    def test_they_are_loaded_once_for_each_issue(self, issue, django_assert_num_queries):
        fresh = Issue.objects.get(pk=issue.pk)
        with django_assert_num_queries(2):
            first, *_ = [fresh.preview_modes for _ in range(5)]
        Sector.objects.create(name="Fostering", short_name="Fostering", slug="fostering")
        assert len(fresh.preview_modes) == len(first)
        assert len(Issue.objects.get(pk=issue.pk).preview_modes) == len(first) + Region.objects.count() + 1

    @pytest.mark.parametrize(
        "mode", ["", "other", "edition-0-0", "edition-99999-0", "edition-x-1", "edition-1", "web/"]
    )
    def test_any_other_is_not_found(self, issue, asked, mode):
        with pytest.raises(Http404):
            issue.serve_preview(asked, mode)

    def test_no_region_that_there_is_not(self, issue, asked):
        with pytest.raises(Http404):
            issue.serve_preview(asked, f"edition-{factories.sector('health').pk}-99999")


def test_an_edition_holds_what_its_readers_get(issue, asked):
    health = shown(issue, edition_mode("health", "north-east"), asked)
    assert "For health in the North East" in health
    assert "For schools" not in health
    national = shown(issue, edition_mode("schools", None), asked)
    assert "For schools" in national
    assert "For health" not in national


def test_an_edition_with_nothing_in_it_says_so(db, asked):
    issue = factories.issue(pages=[factories.entry(sectors=["health"])])
    assert "Nothing in this issue is for them" in shown(issue, edition_mode("schools", None), asked)


def test_a_draft_is_shown_as_its_object_stands(db, asked):
    issue = issue_of(2)
    issue.subject = "Not saved yet"
    issue.items = [item for item in issue.items.all() if item.page.title == "Number 1"]
    for mode in ("email", "text", edition_mode("health", None)):
        body = shown(issue, mode, asked)
        assert "Number 1" in body
        assert "Number 0" not in body
    assert "Not saved yet" in shown(issue, "inbox", asked)
    assert Issue.objects.get(pk=issue.pk).subject != "Not saved yet"


def test_what_cannot_be_rendered_is_said_in_a_sentence(issue, asked):
    issue.subject = "Two\nlines"
    assert "must be one line" in shown(issue, "email", asked)


def test_no_slot_and_no_tracking_is_left(issue, asked):
    for mode in ("email", "text", "inbox", "web", edition_mode("health", "north-east")):
        body = shown(issue, mode, asked)
        assert "ihop-" not in body
        assert "/l/" not in body
        assert "/o/" not in body


@pytest.mark.parametrize("mode", ["email", "text", "inbox", "edition"])
def test_takes_as_many_queries_for_forty_items_as_for_five(db, asked, mode):
    counts: list[int] = []
    for count in (5, 40):
        issue = issue_of(count, f"2026-{9 + len(counts):02}")
        mode = edition_mode("health", None) if mode == "edition" else mode
        issue.serve_preview(asked, mode)  # what is loaded once for a process is in memory then
        issue = Issue.objects.get(pk=issue.pk)
        with counted(counts):
            issue.serve_preview(asked, mode)
    assert counts[0] == counts[1] < 20


def test_the_editor_shows_all_of_them_in_few_queries(client, boss, issue):
    client.force_login(boss)
    address = reverse("wagtailadmin_pages:edit", args=[issue.pk])
    client.get(address)
    counts: list[int] = []
    with counted(counts):
        page = client.get(address).content.decode()
    assert page.count('value="edition-') == Sector.objects.count() * (Region.objects.count() + 1)
    for number in range(3):
        Sector.objects.create(name=f"More {number}", short_name=f"More {number}", slug=f"more-{number}", order=99)
    with counted(counts):
        client.get(address)
    assert counts[0] == counts[1]


def test_wagtail_shows_an_unknown_mode_as_not_found(client, boss, issue):
    client.force_login(boss)
    address = reverse("wagtailadmin_pages:view_draft", args=[issue.pk])
    assert "For everyone" in client.get(address, {"mode": "email"}).content.decode()
    assert client.get(address, {"mode": "nonsense"}).status_code == 404


class TestInbox:
    def rows(self, subject: str, preheader: str, sender: str = "i-HOP e-news <news@example.org>") -> dict:
        body = f"<div>{preheader}{'&#8199;&#847;' * 30}</div><h1>Masthead</h1>"
        page = f"<html><head><title>Title</title><style>p{{}}</style></head><body>{body}</body></html>"
        return {row.mailbox: row for row in inbox.rows(Rendered(subject, page, ""), sender)}

    def test_short_ones_are_shown_whole(self):
        row = self.rows("October: visits", "Fourteen things for you.")["Gmail on a phone"]
        assert (row.sender.shown, row.subject.shown, row.preview.shown) == (
            "i-HOP e-news",
            "October: visits",
            "Fourteen things for you.",
        )
        assert (row.subject.lost, row.preview.lost) == ("", "")

    def test_long_ones_are_cut_where_a_phone_cuts_and_nothing_is_lost(self):
        subject = "October: a guide for midwives, and a conference in Newcastle on visits"
        row = self.rows(subject, "word " * 60)["Gmail on a phone"]
        assert len(row.subject.shown) <= 37
        assert row.subject.shown.endswith("…")
        assert f"{row.subject.shown[:-1]} {row.subject.lost}".replace("  ", " ") == subject
        assert len(row.preview.shown) <= 42

    def test_a_computer_gives_one_line_to_both(self):
        row = self.rows("S" * 60, "word " * 60)["Gmail on a computer"]
        assert row.subject.shown == "S" * 60
        assert 30 < len(row.preview.shown) <= 110 - 60

    def test_without_a_preheader_the_mail_itself_begins(self):
        assert self.rows("Subject", "")["iPhone Mail"].preview.shown == "Masthead"

    def test_a_sender_without_a_name_is_an_address(self):
        assert self.rows("Subject", "", "news@example.org")["iPhone Mail"].sender.shown == "news@example.org"
