"""Announcements: what an editor tells everybody, in the mail, its text, the web version and the previews of blocks."""

from dataclasses import replace
from datetime import date

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse

from newsletter.content import AnnouncementContent, DateContent, FigureContent
from newsletter.editions import IssueEditions
from newsletter.models import Issue
from newsletter.models.announcements import AnnouncementsBlock
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT, RenderError, render_edition, with_tracking
from tests import factories
from tests.newsletter.samples import ANNOUNCEMENTS, edition, rich_edition
from tests.newsletter.test_rendering import SYNTAX, TEMPLATE_SYNTAX

TOLD, DAY, FIGURE = ANNOUNCEMENTS
BLOCKS = [
    (
        "announcement",
        {"heading": "Closed", "text": '<p>See <a href="/about/">us</a>.</p>', "link": "", "link_text": ""},
    ),
    ("date", {"day": date(2026, 12, 4), "what": "Conference", "link": "https://example.org/day/"}),
    ("figure", {"number": "39 %", "text": "It matters.", "source": "i-HOP"}),
]


def with_told(**changes):
    return edition(announcements=(replace(TOLD, **changes),))


def said_by(html):
    return BeautifulSoup(html, "html.parser").body.get_text(" ")


@pytest.fixture(scope="module")
def rendered():
    return render_edition(rich_edition())


def test_mail_and_text_say_them_in_order_between_introduction_and_items(rendered):
    plain = " ".join(rendered.text.split())
    for words in (" ".join(said_by(rendered.html).split()), plain):
        parts = ["This month is for you", TOLD.heading, "Messages left then", TOLD.button_label]
        parts += ["Tuesday 1 December 2026", DAY.what, FIGURE.number, FIGURE.text, f"Source: {FIGURE.source}"]
        places = [words.index(part) for part in [*parts, rich_edition().items[0].headline]]
        assert places == sorted(places)


def test_links_are_plain_ones_for_everybody_and_stand_on_their_own_line_in_the_text(rendered):
    tracked = with_tracking(rendered.html, links={}, click_base="https://example.org/l", pixel_url=None)
    links = [a["href"] for a in BeautifulSoup(tracked, "html.parser").select("a[href]")]
    for address in (TOLD.button_url, DAY.what_url, "https://example.org/help/"):
        assert address in links
        assert address in rendered.text.splitlines()


def test_script_in_a_text_is_gone():
    evil = '<p onclick="x()">Dear <b>all</b></p><script>alert(1)</script><a href="javascript:alert(1)">one</a>'
    shown = render_edition(with_told(text_html=evil))
    assert "alert" not in shown.html + shown.text
    assert "onclick" not in shown.html
    assert "<b>all</b>" in shown.html


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "</td></tr>", '"><img src=x onerror=1>', "<mj-raw>"])
def test_markup_in_plain_fields_is_shown_not_run(evil):
    shown = render_edition(
        edition(
            announcements=(
                replace(TOLD, heading=evil, button_label=evil),
                replace(DAY, what=evil),
                replace(FIGURE, number=evil, text=evil, source=evil),
            )
        )
    )
    assert not BeautifulSoup(shown.html, "html.parser").select("script, img, [onerror]")
    assert said_by(shown.html).count(evil) == 6


@pytest.mark.parametrize("syntax", TEMPLATE_SYNTAX)
def test_template_syntax_reaches_no_provider(syntax):
    told = replace(TOLD, heading=syntax, text_html=f"<p>{syntax.replace('<', '&lt;')}</p>", button_label=syntax)
    shown = render_edition(edition(announcements=(told, replace(DAY, what=syntax), replace(FIGURE, number=syntax))))
    assert not SYNTAX.search(shown.html)
    assert not SYNTAX.search(shown.text)


@pytest.mark.parametrize("slot", [TOKEN_SLOT, GREETING_SLOT])
def test_nobody_can_write_a_slot(slot):
    told = {"heading": slot, "text_html": f'<p>{slot} <a href="https://example.org/{slot}">x</a></p>'}
    shown = render_edition(with_told(**told))
    plain = render_edition(edition())
    assert shown.html.count(slot) == plain.html.count(slot)
    assert shown.text.count(slot) == plain.text.count(slot)


@pytest.mark.parametrize("address", ["ftp://example.org/", "javascript:alert(1)", "/about/", "https://x y/"])
def test_addresses_are_checked_like_any_other(address):
    for block in (replace(TOLD, button_url=address), replace(DAY, what_url=address)):
        with pytest.raises(RenderError, match="must begin with https://"):
            render_edition(edition(announcements=(block,)))


def test_too_much_is_refused_with_its_name():
    with pytest.raises(RenderError, match=r"The announcement “The helpline is closed.*is too long"):
        render_edition(with_told(text_html="<p>word</p>" * 2_000))
    with pytest.raises(RenderError, match="too many announcements"):
        render_edition(edition(announcements=(FIGURE,) * 6))


def test_what_is_not_given_leaves_nothing_behind():
    bare = (replace(TOLD, button_url="", button_label=""), replace(DAY, what_url=""), replace(FIGURE, source=""))
    shown = render_edition(edition(announcements=bare))
    assert "Source" not in shown.html + shown.text
    assert "Helpline hours" not in shown.html + shown.text
    assert f">{DAY.what}</p>" in shown.html


@pytest.fixture
def telling_issue(db) -> Issue:
    issue = factories.issue(pages=[factories.entry(title="Only entry")], live=True)
    issue.announcements = BLOCKS
    issue.save()
    factories.sent(issue)
    return Issue.objects.get(pk=issue.pk)


class TestAnIssue:
    def test_its_blocks_become_content_with_absolute_links(self, telling_issue, settings):
        told, day, figure = IssueEditions(telling_issue).announcements
        assert isinstance(told, AnnouncementContent)
        assert (told.heading, told.button_url, told.button_label) == ("Closed", "", "")
        assert f'href="{settings.SITE_URL}/about/"' in told.text_html
        assert day == DateContent(date(2026, 12, 4), "Conference", "https://example.org/day/")
        assert figure == FigureContent("39 %", "It matters.", "i-HOP")

    def test_every_edition_says_them(self, telling_issue):
        editions = IssueEditions(telling_issue)
        shown = render_edition(editions.content(editions.general(0)))
        assert "Conference" in shown.text

    def test_the_web_version_says_them_between_introduction_and_items(self, telling_issue, client):
        page = BeautifulSoup(client.get("/e-news/2026-10/").content, "html.parser")
        words = page.select_one("article").get_text(" ", strip=True)
        places = [words.index(part) for part in ("Welcome.", "Closed", "Conference", "39 %", "Only entry")]
        assert places == sorted(places)
        assert page.select_one(".told a")["href"] == "https://example.org/day/"

    def test_the_web_version_runs_no_script_of_an_editor(self, telling_issue, client):
        evil = {"heading": "<b>x", "text": "<script>alert(1)</script><p>Fine</p>", "link": "", "link_text": ""}
        telling_issue.announcements = [("announcement", evil)]
        telling_issue.save()
        shown = client.get("/e-news/2026-10/").content.decode()
        assert "alert(1)" not in shown
        assert "&lt;b&gt;x" in shown


@pytest.mark.parametrize(
    ("form", "said"), [("announcement", "Helpline hours"), ("date", "Friday 4 December 2026"), ("figure", "39 %")]
)
def test_the_editor_sees_each_block_as_the_mail_shows_it(admin_client, form, said):
    block = AnnouncementsBlock().child_blocks[form]
    address = reverse("wagtailadmin_block_preview")
    shown = admin_client.get(address, {"id": block.definition_prefix}).content.decode()
    assert said in said_by(shown)
    assert BeautifulSoup(shown, "html.parser").select_one(".tell, .box")
    assert ".box {" in shown  # the mail's own styles
