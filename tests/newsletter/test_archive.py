"""The public side of what was sent: the whole issue, the edition of a reader, the list of issues, and the feed."""

from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.models import Kind
from newsletter.editions import IssueEditions
from newsletter.models import Approval, Issue, Mailing
from newsletter.wording import Wording, write_wordings
from tests import factories
from tests.cms.privacy import put_away

ALL = ["For everyone", "For health", "For schools", "For health in the North East"]


@pytest.fixture
def sent(issue):
    factories.sent(issue)
    return issue


def headlines(client, address):
    response = client.get(address)
    assert response.status_code == 200, address
    return [one.get_text(strip=True) for one in BeautifulSoup(response.content, "html.parser").select(".row-title")]


def queries(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


def correction_of(item, number=1, sent=True):
    page = factories.issue(f"2026-10-c{number}", subject=f"Correction {number}", corrects=item, live=True)
    if sent:
        factories.sent(page)
    return page


class TestAnIssue:
    def test_is_shown_whole(self, sent, client):
        assert sorted(headlines(client, "/e-news/2026-10/")) == sorted(ALL)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("sector=health", ["For everyone", "For health"]),
            ("sector=health&region=north-east", ["For everyone", "For health", "For health in the North East"]),
            ("sector=schools&region=london", ["For everyone", "For schools"]),
            ("region=north-east", ALL),
            ("sector=&region=", ALL),
            ("sector=nobody&region=nowhere", ALL),
            ("sector=%00&region=%F0%9F%98%80&page=-1", ALL),
            ("sector=nobody&region=london", ["For everyone", "For health", "For schools"]),
        ],
    )
    def test_is_shown_as_a_reader_got_it(self, sent, client, query, expected):
        assert sorted(headlines(client, f"/e-news/2026-10/?{query}")) == sorted(expected)

    def test_says_whose_edition_it_is_and_keeps_the_choice(self, sent, client):
        page = BeautifulSoup(client.get("/e-news/2026-10/?sector=health&region=north-east").content, "html.parser")
        assert "Health · North East" in page.select_one(".reader-says").get_text()
        chosen = [option["value"] for option in page.select(".as-reader option[selected]")]
        assert chosen == ["health", "north-east"]
        assert page.select_one("link[rel=canonical]")["href"].endswith("/e-news/2026-10/")

    def test_cut_at_the_limit_it_leads_to_the_whole_issue(self, sent, client):
        revision = sent.save_revision()
        Issue.objects.filter(pk=sent.pk).update(live_revision=revision)
        words = write_wordings(IssueEditions(sent).pages.values())
        Approval.objects.create(issue=sent, revision=revision, items_per_edition=1, entries=words)
        page = BeautifulSoup(client.get("/e-news/2026-10/?sector=health").content, "html.parser")
        more = page.select_one("a.more")
        assert (more["href"], "1 more" in more.get_text()) == ("/e-news/2026-10/", True)

    def test_costs_the_same_however_many_items(self, client, db):
        counts = []
        for period, number in (("2026-08", 2), ("2026-09", 12)):
            pages = [factories.entry(kind) for kind in [Kind.EVENT, Kind.SERVICE] * (number // 2)]
            factories.sent(factories.issue(period, pages=pages, live=True))
            counts += [queries(client, f"/e-news/{period}/"), queries(client, f"/e-news/{period}/?sector=health")]
        assert counts[:2] == counts[2:]

    def test_is_not_there_before_it_is_sent(self, issue, client):
        assert client.get("/e-news/2026-10/?sector=health").status_code == 404


class TestPagePrivacy:
    """What an editor hides after the issue went out is hidden everywhere that shows the issue."""

    @pytest.mark.parametrize(
        "address", ["/e-news/2026-10/", "/e-news/2026-10/?sector=health", "/e-news/", "/feeds/e-news/", "/"]
    )
    def test_entry_put_away_since_is_no_longer_named(self, sent, client, address):
        hidden = sent.items.get(page__title="For everyone").page
        assert "For everyone" in client.get(address).content.decode()
        put_away(hidden)
        shown = client.get(address).content.decode()
        assert hidden.title not in shown
        assert "For health" in shown

    def test_correction_of_it_no_longer_says_it_either(self, sent, client):
        item = sent.items.get(page__title="For everyone")
        correction_of(item)
        put_away(item.page)
        assert headlines(client, "/e-news/2026-10-c1/") == []

    def test_teaser_of_a_case_study_stays(self, client, db):
        study = factories.entry(Kind.CASE_STUDY, title="A nursery listens")
        factories.sent(factories.issue(pages=[study], live=True))
        assert headlines(client, "/e-news/2026-10/") == ["A nursery listens"]
        put_away(study)
        assert headlines(client, "/e-news/2026-10/") == []


class TestACorrection:
    def test_is_named_on_the_issue_it_corrects_once_sent(self, sent, client):
        item = sent.items.first()
        correction_of(item)
        correction_of(item, 2, sent=False)
        words = BeautifulSoup(client.get("/e-news/2026-10/").content, "html.parser").select_one("article")
        assert [a["href"] for a in words.select(".note a")] == ["/e-news/2026-10-c1/"]
        assert "Corrected on" in words.get_text()

    def test_has_a_page_of_its_own_that_leads_back(self, sent, client):
        correction_of(sent.items.first())
        page = BeautifulSoup(client.get("/e-news/2026-10-c1/?sector=schools").content, "html.parser")
        assert page.select_one(".note a")["href"] == "/e-news/2026-10/"
        assert not page.select(".as-reader")
        assert client.get("/e-news/2026-10-c2/").status_code == 404

    def test_is_in_neither_list_nor_feed(self, sent, client):
        correction_of(sent.items.first())
        for address in ("/e-news/", "/feeds/e-news/"):
            assert "2026-10-c1" not in client.get(address).content.decode()


class TestTheList:
    def test_says_month_subject_first_headlines_and_how_many(self, sent, client):
        page = BeautifulSoup(client.get("/e-news/").content, "html.parser")
        (one,) = page.select(".issues > li")
        assert one.h2.get_text(strip=True) == "October 2026"
        assert one.h2.a["href"] == "/e-news/2026-10/"
        assert [li.get_text() for li in one.select("li")] == ALL[:3]
        assert "4 items" in one.get_text()
        (feed,) = page.select("link[rel=alternate][href$='/feeds/e-news/']")
        assert (feed["type"], feed["href"]) == ("application/rss+xml", "/feeds/e-news/")

    def test_has_only_what_was_sent(self, issue, client):
        factories.sent(factories.issue("2026-09", live=True))
        Mailing.objects.create(issue=issue, state=Mailing.State.SENDING)
        assert "2026-10" not in client.get("/e-news/").content.decode()

    def test_what_was_put_first_comes_first_and_what_was_left_out_is_not_there(self, sent, client):
        first, second, _, last = sent.items.all()
        first.left_out, last.pinned, second.headline = True, True, "Our own words"
        for item in (first, second, last):
            item.save()
        said = [
            li.get_text() for li in BeautifulSoup(client.get("/e-news/").content, "html.parser").select(".issues li li")
        ]
        assert said == [ALL[3], "Our own words", ALL[2]]

    def test_says_what_the_mail_said(self, sent, client):
        page = sent.items.first().page
        Approval.objects.create(
            issue=sent,
            revision=(revision := sent.save_revision()),
            items_per_edition=12,
            entries=write_wordings([Wording.of(page)]),
        )
        Issue.objects.filter(pk=sent.pk).update(live_revision=revision)
        page.title = "Renamed since"
        page.save()
        for address in ("/e-news/", "/feeds/e-news/"):
            shown = client.get(address).content.decode()
            assert ALL[0] in shown
            assert "Renamed since" not in shown

    def test_turns_the_page_after_24(self, client, db):
        for month in range(30):
            factories.sent(factories.issue(f"{2024 + month // 12}-{month % 12 + 1:02}", live=True))
        first, second, beyond = (
            [a.get_text() for a in BeautifulSoup(client.get(f"/e-news/{page}").content, "html.parser").select("h2 a")]
            for page in ("", "?page=2", "?page=99")
        )
        assert (len(first), len(second)) == (24, 6)
        assert first[0] == "June 2026"
        assert second == beyond
        assert client.get("/e-news/?page=x").status_code == 200

    def test_costs_the_same_however_many_issues(self, client, db):
        counts = []
        for months in (range(1, 3), range(3, 12)):
            for month in months:
                pages = [factories.entry() for _ in range(2)]
                factories.sent(factories.issue(f"2025-{month:02}", pages=pages, live=True))
            counts += [queries(client, "/e-news/"), queries(client, "/feeds/e-news/")]
        assert counts[:2] == counts[2:]


class TestTheFeed:
    def items(self, client):
        response = client.get("/feeds/e-news/")
        assert response["Content-Type"].startswith("application/rss+xml")
        return ElementTree.fromstring(response.content).findall("channel/item")

    def test_has_each_issue_with_its_headlines(self, sent, client, settings):
        (one,) = self.items(client)
        assert one.findtext("title") == "October 2026: What is new"
        assert one.findtext("link") == one.findtext("guid") == f"{settings.SITE_URL}/e-news/2026-10/"
        assert str(sent.mailing.finished_at.year) in one.findtext("pubDate")
        said = BeautifulSoup(one.findtext("description"), "html.parser").select("li")
        assert [li.get_text() for li in said] == ALL

    def test_tells_no_more_of_a_case_study_than_its_headline(self, client, db):
        page = factories.entry(Kind.CASE_STUDY, title="A nursery listens", body="<p>Only members read this.</p>")
        factories.sent(factories.issue(pages=[page], live=True))
        for address in ("/feeds/e-news/", "/e-news/", "/e-news/2026-10/"):
            shown = client.get(address).content.decode()
            assert "A nursery listens" in shown
            assert "Only members read this" not in shown

    def test_survives_any_headline(self, sent, client):
        item = sent.items.first()
        item.headline = "<b>\x0b]]> & \u202e"
        item.save()
        (one,) = self.items(client)
        assert "&lt;b&gt;" in one.findtext("description")

    def test_is_empty_before_the_first_issue(self, client, db):
        assert self.items(client) == []
