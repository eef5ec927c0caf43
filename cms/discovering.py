"""What search engines are told: the pages there are, and when each last changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.urls import NoReverseMatch, reverse
from django.utils.html import escape
from wagtail.models import Page

from cms.models import ConsortiaPage, Consortium, DirectoryPage, HomePage, StandardPage
from cms.open_data import closed_paths, entry_path, open_entries, page_address

PER_FILE = 10_000  # the protocol allows 50,000
# The site's own pages. Not simply every live page: an issue of the e-news is live before it is sent.
PAGES = (HomePage, DirectoryPage, StandardPage, ConsortiaPage, Consortium)
FORMS = ("join", "submit", "contact", "open_data")  # addresses of the rooms, by the names of their patterns
E_NEWS = "/e-news/"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


@dataclass(frozen=True)
class Place:
    """One address, and when what is there last changed (None: not known)."""

    location: str
    lastmod: datetime | None = None


def pages() -> list[Place]:
    """The pages around the directory, and the forms."""
    found = Page.objects.live().filter(content_type__in=ContentType.objects.get_for_models(*PAGES).values())
    home = HomePage.objects.first()
    e_news = Page.objects.live().filter(url_path=home.url_path.rstrip("/") + E_NEWS) if home else Page.objects.none()
    for path in closed_paths():
        found, e_news = found.exclude(path__startswith=path), e_news.exclude(path__startswith=path)
    places = [Place(page_address(page), page.last_published_at) for page in found.order_by("path")[:PER_FILE]]
    # Which issues have been sent, only the room above knows: its page says so, as Wagtail's pages do.
    places += [Place(**one) for page in e_news.specific() for one in page.get_sitemap_urls()]
    return places + [Place(settings.SITE_URL + path) for name in FORMS if (path := form_path(name))]


def form_path(name: str) -> str:
    """The path of a form by the name of its pattern; nothing where this installation has none."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def entries(part: int) -> list[Place]:
    """The open entries in parts of `PER_FILE`, from 1. Case studies too: their address shows everybody a teaser."""
    rows = open_entries().order_by("pk").values_list("slug", "last_published_at")
    return [
        Place(settings.SITE_URL + entry_path(slug), changed)
        for slug, changed in rows[(part - 1) * PER_FILE : part * PER_FILE]
    ]


def parts() -> int:
    """How many parts the entries fill, at least one."""
    return max(-(-open_entries().count() // PER_FILE), 1)


def sitemap_of(places: Iterable[Place]) -> str:
    """A list of addresses in the sitemaps' XML. Django's template says the same fifty times as slowly."""
    lines = []
    for place in places:
        changed = f"<lastmod>{place.lastmod.date().isoformat()}</lastmod>" if place.lastmod else ""
        lines.append(f"<url><loc>{escape(place.location)}</loc>{changed}</url>\n")
    return f'{HEAD}<urlset xmlns="{NAMESPACE}">\n{"".join(lines)}</urlset>\n'


def index_of(addresses: Iterable[str]) -> str:
    """A list of such lists."""
    lines = "".join(f"<sitemap><loc>{escape(address)}</loc></sitemap>\n" for address in addresses)
    return f'{HEAD}<sitemapindex xmlns="{NAMESPACE}">\n{lines}</sitemapindex>\n'
