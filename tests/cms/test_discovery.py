"""Sitemap, robots.txt, social cards and JSON-LD; and that nothing hidden leaves through any open address."""

import json
import re
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.files.base import ContentFile
from django.db import connection
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.documents.models import Document
from wagtail.models import Collection, CollectionViewRestriction, PageViewRestriction

from cms import discovering
from cms.models import CaseStudy, DirectoryPage, HomePage, Kind, StandardPage
from cms.site import home_page
from newsletter.models import Issue
from tests.cms.privacy import put_away
from tests.factories import KINDS, entry, issue, sent

pytestmark = pytest.mark.django_db

SITE = "http://localhost:8000"
SECRET = "Zzyzx"  # nothing else holds it


def locations(client, address):
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("application/xml")
    return [found.text for found in ElementTree.fromstring(response.content).iter() if found.tag.endswith("}loc")]


def standard_page(slug="our-work", **fields):
    return home_page().add_child(instance=StandardPage(title="About us", slug=slug, body="<p>Us.</p>", **fields))


def request_of(path="/", query=None):
    request = RequestFactory().get(path, query or {})
    request.user = AnonymousUser()
    return request


def social(page=None, path="/", query=None, **context):
    return render_to_string("includes/social.html", {"page": page, **context}, request=request_of(path, query))


def graph(page):
    template = Template("{% load metadata %}{% structured_data page %}")
    text = template.render(Context({"page": page, "CSP_NONCE": "abc"}))
    (found,) = re.findall(r'^<script type="application/ld\+json" nonce="abc">(.*)</script>$', text, re.DOTALL)
    assert "<" not in found
    data = json.loads(found)
    assert data["@context"] == "https://schema.org"
    return data["@graph"]


# --- Sitemap and robots --------------------------------------------------------------------------


def test_the_sitemap_leads_to_every_open_page(client):
    standard_page()
    entries = [entry(kind, title=f"One {kind}") for kind in Kind]
    entry(title="Draft", slug="draft", live=False)
    files = locations(client, "/sitemap.xml")
    assert files == [f"{SITE}/sitemap-pages.xml", f"{SITE}/sitemap-entries-1.xml"]
    pages, listed = (locations(client, one.removeprefix(SITE)) for one in files)
    assert {f"{SITE}/", f"{SITE}/directory/", f"{SITE}/our-work/", f"{SITE}/join/", f"{SITE}/e-news/"} <= set(pages)
    assert listed == [f"{SITE}/directory/{page.slug}/" for page in entries]
    for address in (*pages, *listed):
        assert client.get(address.removeprefix(SITE)).status_code in (200, 302)


def test_issues_that_were_sent_are_in_the_sitemap_unless_they_are_private(client):
    for period in ("2026-08", "2026-09"):
        sent(issue(period, live=True))
    put_away(Issue.objects.get(period="2026-08"))
    found = [one for one in locations(client, "/sitemap-pages.xml") if "/e-news/" in one]
    assert found == [f"{SITE}/e-news/", f"{SITE}/e-news/2026-09/"]


def test_issues_that_nobody_was_sent_are_not_in_the_sitemap(client):
    issue(live=True)
    assert not [one for one in locations(client, "/sitemap-pages.xml") if "2026-10" in one]


def test_private_pages_are_not_in_the_sitemap(client):
    page = standard_page()
    PageViewRestriction.objects.create(page=page, restriction_type=PageViewRestriction.LOGIN)
    assert f"{SITE}/our-work/" not in locations(client, "/sitemap-pages.xml")


def test_a_large_directory_fills_several_files(client, monkeypatch):
    monkeypatch.setattr(discovering, "PER_FILE", 2)
    for _ in range(5):
        entry()
    files = [one.removeprefix(SITE) for one in locations(client, "/sitemap.xml")][1:]
    assert len(files) == 3
    assert len({one for file in files for one in locations(client, file)}) == 5
    assert client.get("/sitemap-entries-4.xml").status_code == 404
    assert client.get("/sitemap-entries-0.xml").status_code == 404


def test_the_cost_of_the_sitemap_does_not_grow(client):
    def cost(address):
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        return len(queries)

    entry()
    addresses = ("/sitemap.xml", "/sitemap-pages.xml", "/sitemap-entries-1.xml")
    small = [cost(address) for address in addresses]
    for number in range(6):
        entry()
        entry(Kind.CASE_STUDY)
        standard_page(f"page-{number}")
    assert [cost(address) for address in addresses] == small


def test_robots_are_shown_what_is_for_them(client):
    response = client.get("/robots.txt")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    lines = response.content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    for path in ("/admin/", "/account/", "/e-news/u/", "/e-news/p/", "/l/", "/o/"):
        assert f"Disallow: {path}" in lines
    assert "Disallow: /" not in lines
    assert f"Sitemap: {SITE}/sitemap.xml" in lines


# --- Social cards --------------------------------------------------------------------------------


def test_an_entry_is_shared_with_its_title_summary_and_one_address():
    page = entry(title='Visits & "play"', slug="visits", summary="For <families>.")
    text = social(page, "/directory/visits/", {"utm_source": "x"})
    assert f'<link rel="canonical" href="{SITE}/directory/visits/">' in text
    assert '<meta property="og:title" content="Visits &amp; &quot;play&quot;">' in text
    assert '<meta property="og:description" content="For &lt;families&gt;.">' in text
    assert '<meta property="og:type" content="article">' in text
    assert f'<meta property="og:image" content="{SITE}/static/img/social-card.png">' in text
    assert '<meta name="twitter:card" content="summary_large_image">' in text
    assert 'href="/feeds/directory/atom/"' in text


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({}, ""),
        ({"kind": "event", "page": "2"}, "?kind=event&amp;page=2"),
        ({"q": "visits", "kind": "event"}, ""),
        ({"kind": '"><script>', "nonsense": "1"}, ""),
    ],
    ids=str,
)
def test_the_directory_has_one_address_for_each_view(query, kept):
    page = DirectoryPage.objects.get()
    text = social(page, "/directory/", query)
    assert f'<link rel="canonical" href="{SITE}/directory/{kept}">' in text
    assert "<script" not in text


def test_home_is_at_the_root():
    assert f'<link rel="canonical" href="{SITE}/">' in social(HomePage.objects.get())


def test_addresses_that_are_one_persons_have_no_card():
    for path in ("/e-news/u/secret-token/", "/account/", "/join/confirm/secret-token/"):
        text = social(path=path)
        assert "secret" not in text
        assert "canonical" not in text
    assert f'<link rel="canonical" href="{SITE}/join/">' in social(path="/join/")


def test_a_teaser_has_the_card_of_what_it_shows():
    text = social(path="/directory/a/", teaser={"title": "A nursery", "summary": "What it did."})
    assert 'content="A nursery"' in text
    assert f'href="{SITE}/directory/a/"' in text


def test_the_picture_has_the_size_it_is_said_to_have():
    from django.contrib.staticfiles import finders
    from PIL import Image

    with Image.open(finders.find("img/social-card.png")) as picture:
        assert picture.size == (1200, 630)


# --- JSON-LD -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (Kind.RESOURCE, "CreativeWork"),
        (Kind.RESEARCH, "Article"),
        (Kind.POLICY, "CreativeWork"),
        (Kind.SERVICE, "Service"),
        (Kind.CASE_STUDY, "Article"),
        (Kind.TRAINING, "Course"),
        (Kind.FUNDING, "MonetaryGrant"),
        (Kind.EVENT, "Event"),
    ],
)
def test_each_kind_has_its_type_and_the_way_to_it(kind, named):
    page = KINDS[kind].objects.get(pk=entry(kind, title="A title").pk)
    about, crumbs = graph(page)
    assert (about["@type"], about["name"]) == (named, "A title")
    assert about["url"] == f"{SITE}/directory/{page.slug}/"
    names = [step["name"] for step in crumbs["itemListElement"]]
    assert names == ["Home", "Directory", page.get_kind_display(), "A title"]
    assert [step["position"] for step in crumbs["itemListElement"]] == [1, 2, 3, 4]


def test_an_event_says_when_and_where():
    moment = timezone.make_aware(timezone.datetime(2026, 7, 4, 10))
    page = entry(Kind.EVENT, starts_at=moment, ends_at=moment + timezone.timedelta(hours=2), place="Leeds", online=True)
    about = graph(page)[0]
    assert (about["startDate"], about["endDate"]) == ("2026-07-04T10:00:00+01:00", "2026-07-04T12:00:00+01:00")
    assert about["eventAttendanceMode"] == "https://schema.org/MixedEventAttendanceMode"
    assert [one["@type"] for one in about["location"]] == ["Place", "VirtualLocation"]


def test_home_offers_its_search():
    website, ourselves = graph(HomePage.objects.get())
    assert website["potentialAction"]["target"]["urlTemplate"] == f"{SITE}/directory/?q={{search_term_string}}"
    assert ourselves["contactPoint"]["telephone"] == "0808 802 2013"


def test_pages_carry_both_and_their_policy_allows_the_script(client):
    page = entry(title="Visits")
    study = entry(Kind.CASE_STUDY, title="A nursery")
    for address, title in (("/", "i-HOP"), (page.url, "Visits")):
        response = client.get(address)
        text = response.content.decode()
        (nonce,) = re.findall(r'<script type="application/ld\+json" nonce="([^"]+)">', text)
        assert f"'nonce-{nonce}'" in response["Content-Security-Policy"]
        assert title in text
        assert text.count('rel="canonical"') == 1
    teaser = client.get(study.url).content.decode()
    assert f'<link rel="canonical" href="{SITE}/directory/{study.slug}/">' in teaser
    assert '<meta property="og:title" content="A nursery">' in teaser


def test_nobody_breaks_out_of_the_script():
    title = "</script><script>alert(1)</script><!-- & \u2028"
    page = entry(Kind.SERVICE, title=title, summary=title, area=title[:100], publisher=title)
    assert graph(page)[0]["description"].startswith("</script><script>alert(1)")


def test_json_ld_costs_no_query():
    page = KINDS[Kind.SERVICE].objects.get(pk=entry(Kind.SERVICE).pk)
    with CaptureQueriesContext(connection) as queries:
        graph(page)
        social(page)
    assert len(queries) == 0


# --- Nothing hidden leaves -----------------------------------------------------------------------


@pytest.fixture
def hidden():
    """A directory full of what must not leave, and the pages that hold it."""
    collection = Collection.get_first_root_node().add_child(name="Private")
    CollectionViewRestriction.objects.create(collection=collection, restriction_type="login")
    document = Document.objects.create(
        title=f"{SECRET} document", file=ContentFile(b"x", name=f"{SECRET}.txt"), collection=collection
    )
    link = f'<p>See <a linktype="document" id="{document.pk}">this</a>.</p>'
    seen = {"sectors": ["health"], "contact_email": f"{SECRET}@example.org"}
    pages = [
        entry(
            Kind.CASE_STUDY,
            title="A nursery",
            slug="a-nursery",
            body=f"<p>{SECRET}</p>",
            setting=SECRET,
            what_changed=SECRET,
            publisher=SECRET,
            link=f"https://{SECRET}.example.org/",
            document=document,
            **seen,
        ),
        entry(Kind.SERVICE, title="Open", imported_as=SECRET, body=link, document=document, **seen),
        entry(Kind.EVENT, title="Open event", slug="open-event", document=document, **seen),
    ]
    for number, kind in enumerate(Kind):
        entry(kind, title=f"{SECRET} draft {number}", summary=SECRET, live=False, **seen)
    behind = entry(Kind.SERVICE, title=f"{SECRET} behind a login", summary=SECRET, **seen)
    PageViewRestriction.objects.create(page=behind, restriction_type=PageViewRestriction.LOGIN)
    changed = entry(Kind.SERVICE, title="With a draft", **seen)
    changed.title = changed.summary = f"{SECRET} waits for an editor"
    changed.save_revision()
    return pages


def test_nothing_hidden_leaves_through_any_open_address(client, member_client, hidden):
    case_study, service, event = hidden
    addresses = [
        *(
            f"/feeds/{one}/{atom}"
            for one in ("directory", "kind/case-study", "sector/health")
            for atom in ("", "atom/")
        ),
        *("/calendar/events.ics", "/calendar/open-event.ics"),
        *("/api/v2/", "/api/v2/entries/?limit=50", "/api/v2/entries/?kind=case-study"),
        *(f"/api/v2/entries/{page.pk}/" for page in (case_study, service, event)),
        *("/openreferral/", "/openreferral/services?per_page=100", f"/openreferral/services/{service.translation_key}"),
        *("/openreferral/services?text=zzy", "/openreferral/taxonomy_terms?per_page=100", "/openreferral/openapi.json"),
        *("/sitemap.xml", "/sitemap-pages.xml", "/sitemap-entries-1.xml", "/robots.txt"),
    ]
    for reader in (client, member_client):
        for address in addresses:
            response = reader.get(address)
            assert response.status_code == 200, address
            assert SECRET.lower() not in response.content.decode().lower(), address
            assert "reviewer" not in response.content.decode(), address
    for page in (CaseStudy.objects.get(live=True), service, event):
        assert SECRET not in json.dumps(graph(page))
        assert SECRET not in social(page)
