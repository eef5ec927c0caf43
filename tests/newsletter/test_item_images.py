"""Pictures of items: optional, light, the same for everybody, and never a reason for a mail not to go."""

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image as Pixels
from wagtail.images import get_image_model
from wagtail.images.tests.utils import get_test_image_file, get_test_image_file_svg

from newsletter.editions import IssueEditions
from newsletter.models import Issue
from newsletter.rendering import MAX_HTML_BYTES, RenderError, render_edition, with_tracking
from tests import factories
from tests.newsletter.samples import HIGHLIGHTS, edition, long_edition, pictured, sections
from tests.newsletter.test_rendering import contrast, parse, styles_of

ALT = pictured(HIGHLIGHTS[0]).image_alt


@pytest.fixture(autouse=True)
def own_media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def picture(size=(1600, 900), file=None):
    return get_image_model().objects.create(title="Hall", file=file or get_test_image_file(size=size))


def issue_with(*images, period="2026-10") -> Issue:
    """A sent issue with an item for each image."""
    issue = factories.issue(period, pages=[factories.entry() for _ in images], live=True)
    for item, image in zip(issue.items.all(), images, strict=True):
        item.image, item.image_alt = image, ALT
        item.save()
    factories.sent(issue)
    return Issue.objects.get(pk=issue.pk)


def contents(issue):
    editions = IssueEditions(issue)
    return editions.content(editions.general())


class TestInTheMail:
    @pytest.fixture(params=["highlight", "listed"])
    def shown(self, request):
        if request.param == "highlight":
            return render_edition(edition(highlights=(pictured(HIGHLIGHTS[0]),), sections=()))
        return render_edition(edition(highlights=(), sections=sections((pictured(HIGHLIGHTS[0]),))))

    def test_it_stands_above_its_headline_and_leads_to_the_item(self, shown):
        page = BeautifulSoup(shown.html, "html.parser")
        (image,) = page.select("img")
        one = pictured(HIGHLIGHTS[0])
        assert (image["src"], image["alt"]) == (one.image_url, ALT)
        assert (image["width"], image["height"]) == ("536", "302")
        assert image.parent["href"] == one.url
        assert shown.html.index("<img") < shown.html.index(one.headline)

    def test_it_fits_a_phone(self, shown):
        style = BeautifulSoup(shown.html, "html.parser").img["style"].replace(" ", "")
        for rule in ("display:block", "width:100%", "max-width:536px", "height:auto"):
            assert rule in style

    @pytest.mark.parametrize("scheme", ["light", "dark", "outlook.com dark"])
    def test_its_words_can_be_read_while_it_is_not_shown(self, shown, scheme):
        page = BeautifulSoup(shown.html, "html.parser")
        style = styles_of(page, scheme)[id(page.img)]
        assert contrast(style["color"], style["background"]) >= 4.5
        assert parse(page.img["style"])["font-size"] == "16px"

    def test_the_text_says_what_it_shows(self, shown):
        assert f"[Image: {ALT}]" in shown.text.splitlines()
        assert pictured(HIGHLIGHTS[0]).image_url not in shown.text

    def test_it_is_the_same_for_everybody(self, shown):
        tracked = with_tracking(
            shown.html, links={HIGHLIGHTS[0].url: 1}, click_base="https://example.org/l", pixel_url=None
        )
        image = BeautifulSoup(tracked, "html.parser").img
        assert image["src"] == pictured(HIGHLIGHTS[0]).image_url
        assert image.parent["href"] == "https://example.org/l/1"


def test_words_of_a_picture_are_text():
    evil = '"><script>alert(1)</script>'
    shown = render_edition(edition(highlights=(pictured(HIGHLIGHTS[0], image_alt=evil),), sections=()))
    page = BeautifulSoup(shown.html, "html.parser")
    assert not page.select("script")
    assert page.img["alt"] == evil


@pytest.mark.parametrize("address", ["javascript:alert(1)", "/media/x.jpg", "data:image/png;base64,x"])
def test_the_address_of_a_picture_is_checked(address):
    with pytest.raises(RenderError, match="must begin with https://"):
        render_edition(edition(highlights=(pictured(HIGHLIGHTS[0], image_url=address),)))


def test_a_long_edition_of_pictures_stays_below_the_limit():
    content = long_edition(20)
    listed = tuple(pictured(one, url=one.url) for section in content.sections for one in section.items)
    shown = render_edition(replace(content, sections=sections(listed)))
    assert len(shown.html.encode()) < MAX_HTML_BYTES


class TestAnItemsPicture:
    @pytest.mark.parametrize(
        ("size", "shown", "pixels"),
        [
            ((1600, 900), (536, 302), (1072, 603)),
            ((300, 150), (300, 150), (300, 150)),
            ((600, 300), (536, 268), (600, 300)),
            ((900, 3000), (120, 402), (241, 804)),
        ],
    )
    def test_is_scaled_to_the_mail_and_never_up(self, db, size, shown, pixels):
        (item,) = contents(issue_with(picture(size))).items
        assert (item.image_width, item.image_height) == shown
        rendition = get_image_model().objects.get().renditions.get()
        with Pixels.open(rendition.file.path) as file:
            assert (file.format, file.size) == ("JPEG", pixels)

    def test_has_an_absolute_address(self, db, settings):
        (item,) = contents(issue_with(picture())).items
        assert item.image_url.startswith(f"{settings.SITE_URL}/media/images/")
        assert item.image_alt == ALT

    def test_queries_stay_the_same_however_many(self, db):
        counts = []
        for number, period in ((2, "2026-08"), (9, "2026-09")):
            issue = issue_with(*(picture() for _ in range(number)), period=period)
            contents(issue)  # scaled once
            with CaptureQueriesContext(connection) as queries:
                assert sum(bool(item.image_url) for item in contents(issue).items) == number
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_is_scaled_once(self, db):
        issue = issue_with(picture())
        assert contents(issue) == contents(issue)
        assert get_image_model().objects.get().renditions.count() == 1

    @pytest.mark.parametrize("trouble", ["missing", "no picture", "empty", "a drawing in SVG"])
    def test_that_cannot_be_used_is_left_out(self, db, client, trouble):
        fine = picture()
        image = picture(file=get_test_image_file_svg()) if "SVG" in trouble else picture()
        if trouble == "missing":
            image.file.storage.delete(image.file.name)
        elif "SVG" not in trouble:
            image.file.storage.delete(image.file.name)
            image.file.storage.save(image.file.name, ContentFile(b"" if trouble == "empty" else b"not a picture"))
        issue = issue_with(image, fine)
        content = contents(issue)
        assert [bool(item.image_url) for item in content.items] == [False, True]
        assert content.items[0].image_alt == ""
        assert render_edition(content).html.count("<img") == 1
        assert client.get("/e-news/2026-10/").status_code == 200

    def test_that_has_been_deleted_leaves_the_item(self, db):
        image = picture()
        issue = issue_with(image)
        image.delete()
        (item,) = contents(Issue.objects.get(pk=issue.pk)).items
        assert item.image_url == ""

    def test_stands_on_the_web_version(self, db, client):
        issue_with(picture())
        (image,) = BeautifulSoup(client.get("/e-news/2026-10/").content, "html.parser").select(".item-picture")
        assert (image["alt"], image["width"], image["height"]) == (ALT, "536", "302")
        assert image["src"].endswith(".jpg")
