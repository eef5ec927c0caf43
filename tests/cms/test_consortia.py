"""The consortia: what one is, which there are, by region and without a script."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.models import Consortium, Region
from cms.sample_content import load_consortia
from cms.site import consortia_page, ensure_site
from tests.cms.privacy import put_away

pytestmark = pytest.mark.django_db


def consortium(title, *regions, live=True, **fields):
    page = Consortium(title=title, summary=f"What {title} does.", lead_partner="Sample Trust", live=live, **fields)
    page.regions.set(list(Region.objects.filter(slug__in=regions)))
    consortia_page().add_child(instance=page)
    return page


def listed(client, address="/consortia/"):
    return [one.title for one in client.get(address).context["consortia"]]


def test_page_is_there_from_the_start_and_made_once(client):
    ensure_site()
    assert client.get("/consortia/").status_code == 200
    assert consortia_page() == consortia_page()


def test_live_ones_are_listed_by_name(client):
    consortium("Wear")
    consortium("Avon")
    consortium("Not yet", live=False)
    assert listed(client) == ["Avon", "Wear"]


def test_one_behind_page_privacy_is_not_listed(client):
    consortium("Shown", "london")
    put_away(consortium("Put away", "london"))
    assert listed(client) == listed(client, "/consortia/?region=london") == ["Shown"]
    assert "Put away" not in client.get("/consortia/").content.decode()


def test_region_finds_its_own_and_national_ones(client):
    consortium("Here", "london", "south-east")
    consortium("Elsewhere", "north-east")
    consortium("Everywhere")
    assert listed(client, "/consortia/?region=london") == ["Everywhere", "Here"]
    text = client.get("/consortia/?region=london").content.decode()
    assert '<option value="london" selected>' in text


@pytest.mark.parametrize(
    "asked", ["region=atlantis", "region=", "page=999999", "page=x", "region=%00", "region=a&region=b"]
)
def test_any_address_gives_a_clean_page(client, asked):
    consortium("Here", "london")
    assert listed(client, f"/consortia/?{asked}") == ["Here"]


def test_list_is_cut_into_pages_and_takes_the_same_queries(client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get("/consortia/?region=london")
        return len(captured)

    for number in range(3):
        consortium(f"Group {number:02}", "london")
    queries()
    few = queries()
    for number in range(3, 30):
        consortium(f"Group {number:02}", "london", "south-east")
    assert queries() == few
    assert len(listed(client)) == 24
    assert listed(client, "/consortia/?region=london&page=2")[0] == "Group 24"


def test_page_of_one_says_who_where_and_how_to_reach_it(client):
    page = consortium(
        "Wear",
        "north-east",
        partners="One\n\n Two ",
        area="Sunderland",
        open_to_partners=True,
        email="group@example.org",
        phone="0191 498 0123",
        link="https://example.org/wear",
    )
    text = client.get(page.url).content.decode()
    shown = ("Sample Trust", "Sunderland", "North East", "Open to new partners", "tel:01914980123", "<li>Two</li>")
    assert [words for words in shown if words not in text] == []


def test_only_those_that_take_partners_say_so(client):
    consortium("Closed")
    assert "Open to new partners" not in client.get("/consortia/").content.decode()


def test_sample_explains_what_one_is_and_loads_once(client):
    assert load_consortia() == Consortium.objects.count() == 5
    assert load_consortia() == 0
    assert "What is a consortium?" in client.get("/consortia/").content.decode()
    assert Consortium.objects.filter(regions=None).exists(), "a national one"
    assert Consortium.objects.filter(open_to_partners=False).exists()


def test_sample_leaves_an_editors_words_alone():
    page = consortia_page()
    page.body = "<p>Ours</p>"
    page.save()
    load_consortia()
    page.refresh_from_db()
    assert page.body == "<p>Ours</p>"
