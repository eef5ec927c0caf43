"""What a page says of itself to machines: values of social cards, and schema.org objects (JSON-LD)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from wagtail.models import Page

from cms.discovering import form_path
from cms.models import DirectoryPage, Entry, Event, Funding, HomePage, Policy, Research, Service, Training
from cms.open_data import is_teaser, page_address, plain

DESCRIPTOR = "Information and advice for professionals who work with the children and families of offenders."
PICTURE = "img/social-card.png"  # 1200 by 630, as templates/includes/social.html says
# Words of a directory address that name one view of it; a search for words is nobody's page.
VIEWS = ("kind", "page", "region", "sector", "topic")
_WORD = re.compile(r"[a-z0-9-]{1,40}")
OPEN_FORMS = {
    "join": ("Join", "Join i-HOP: free, for professionals. Read case studies, and get the monthly e-news."),
    "submit": ("Submit information", "Tell us of a service, a resource, an event or good practice for the directory."),
    "contact": ("Contact us", "Write to the i-HOP team, or ring the helpline."),
}


@dataclass(frozen=True)
class Card:
    """What a link to a page looks like where it is shared. `address` is the page's one address."""

    title: str
    description: str
    address: str
    kind: str = "website"  # Open Graph's type

    @property
    def picture(self) -> str:
        """The picture's full address. The same for every page: entries have none of their own."""
        found = static(PICTURE)
        return found if found.startswith("http") else settings.SITE_URL + found


def card_of(page: Page, query: Mapping[str, str]) -> Card:
    """The card of a page. `query` holds the words of the address, of which the directory keeps those of `VIEWS`."""
    if isinstance(page, Entry):
        description, kind = page.search_description or page.summary, "article"
    else:
        own = page.search_description or getattr(page, "summary", "") or getattr(page, "subject", "")
        description, kind = own or DESCRIPTOR, "website"
    title = "Information hub on offenders’ families" if isinstance(page, HomePage) else page.seo_title or page.title
    address = page_address(page)
    if isinstance(page, DirectoryPage) and not query.get("q"):
        kept = {name: query[name] for name in VIEWS if _WORD.fullmatch(query.get(name, ""))}
        address += f"?{urlencode(kept)}" if kept else ""
    return Card(plain(title), plain(description), address, kind)


def card_of_teaser(teaser: Mapping[str, Any], path: str) -> Card:
    """The card of a case study that the reader may not open: what its teaser shows."""
    return Card(plain(str(teaser["title"])), plain(str(teaser["summary"])), settings.SITE_URL + path, "article")


def card_of_path(path: str) -> Card | None:
    """The card of a form that everybody may open; None for all else, whose addresses may hold what is private."""
    for name, (title, description) in OPEN_FORMS.items():
        if path == form_path(name):
            return Card(title, description, settings.SITE_URL + path)
    return None


def structured(page: Page) -> dict[str, Any]:
    """A page as schema.org: one JSON-LD graph. Makes no query for a specific page.

    Of a case study it holds the teaser, whoever reads the page: it is the same for everybody.
    """
    address = page_address(page)
    if isinstance(page, HomePage):
        graph = [_website(), _ourselves()]
    elif isinstance(page, Entry):
        graph = [_entry(page, address), _crumbs(_entry_crumbs(page, address))]
    else:
        kind = "CollectionPage" if isinstance(page, DirectoryPage) else "WebPage"
        graph = [
            {"@type": kind, "@id": address, "url": address, "name": plain(page.title), "isPartOf": _site()},
            _crumbs([("Home", f"{settings.SITE_URL}/"), (plain(page.title), address)]),
        ]
    return {"@context": "https://schema.org", "@graph": graph}


def _site() -> dict[str, str]:
    return {"@id": f"{settings.SITE_URL}/#website"}


def _website() -> dict[str, Any]:
    target = f"{settings.SITE_URL}/directory/?q={{search_term_string}}"
    return {
        "@type": "WebSite",
        **_site(),
        "url": f"{settings.SITE_URL}/",
        "name": settings.SITE_NAME,
        "description": DESCRIPTOR,
        "inLanguage": "en-GB",
        "publisher": {"@id": f"{settings.SITE_URL}/#organization"},
        "potentialAction": {
            "@type": "SearchAction",
            "target": {"@type": "EntryPoint", "urlTemplate": target},
            "query-input": "required name=search_term_string",
        },
    }


def _ourselves() -> dict[str, Any]:
    return {
        "@type": "Organization",
        "@id": f"{settings.SITE_URL}/#organization",
        "name": settings.SITE_NAME,
        "url": f"{settings.SITE_URL}/",
        "contactPoint": {
            "@type": "ContactPoint",
            "contactType": "helpline for professionals",
            "telephone": settings.HELPLINE["number"],
            "areaServed": "England",
            "availableLanguage": "en-GB",
        },
    }


def _entry(page: Entry, address: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@id": f"{address}#entry",
        "url": address,
        "name": plain(page.title),
        "description": plain(page.summary),
        "inLanguage": "en-GB",
        "isPartOf": _site(),
        "datePublished": page.first_published_at.isoformat() if page.first_published_at else "",
        "dateModified": page.last_published_at.isoformat() if page.last_published_at else "",
    }
    if is_teaser(page):
        return _said(found | {"@type": "Article", "headline": plain(page.title), "isAccessibleForFree": False})
    found |= {"sameAs": page.link}
    return _said(found | _special(page))


def _special(page: Entry) -> dict[str, Any]:
    """Type and values of the kind, in schema.org's words."""
    publisher = _organisation(page.publisher)
    if isinstance(page, Event):
        return _event(page)
    if isinstance(page, Service):
        return _service(page)
    if isinstance(page, Training):
        return {"@type": "Course", "provider": _organisation(page.provider)}
    if isinstance(page, Funding):
        return {"@type": "MonetaryGrant", "funder": _organisation(page.funder)}
    if isinstance(page, Research):
        own = {"headline": plain(page.title), "datePublished": str(page.year), "publisher": publisher}
        return {"@type": "Article", **own}
    genre = page.get_policy_type_display() if isinstance(page, Policy) else ""
    return {"@type": "CreativeWork", "genre": genre, "publisher": publisher}


def _event(page: Event) -> dict[str, Any]:
    everywhere = page.place.strip().lower() == "online"
    virtual = {"@type": "VirtualLocation", "url": page.link or page_address(page)}
    place = {"@type": "Place", "name": plain(page.place), "address": plain(page.place)}
    mode = "Online" if everywhere else "Mixed" if page.online else "Offline"
    return {
        "@type": "Event",
        "startDate": timezone.localtime(page.starts_at).isoformat(),
        "endDate": timezone.localtime(page.ends_at).isoformat() if page.ends_at else "",
        "eventStatus": "https://schema.org/EventScheduled",
        "eventAttendanceMode": f"https://schema.org/{mode}EventAttendanceMode",
        "location": virtual if everywhere else [place, virtual] if page.online else place,
        "organizer": _organisation(page.publisher),
    }


def _service(page: Service) -> dict[str, Any]:
    channel = {
        "@type": "ServiceChannel",
        "serviceUrl": page.link,
        "servicePhone": {"@type": "ContactPoint", "telephone": plain(page.phone)} if page.phone else "",
    }
    channel = _said(channel)
    return {
        "@type": "Service",
        "provider": _organisation(page.publisher),
        "areaServed": plain(page.area),
        "audience": {"@type": "Audience", "audienceType": plain(page.who_it_helps)} if page.who_it_helps else "",
        "availableChannel": channel if len(channel) > 1 else "",
    }


def _organisation(name: str) -> dict[str, str] | str:
    return {"@type": "Organization", "name": plain(name)} if name else ""


def _entry_crumbs(page: Entry, address: str) -> list[tuple[str, str]]:
    directory = f"{settings.SITE_URL}/directory/"
    kind = (str(page.get_kind_display()), f"{directory}?kind={page.kind}")
    return [("Home", f"{settings.SITE_URL}/"), ("Directory", directory), kind, (plain(page.title), address)]


def _crumbs(steps: list[tuple[str, str]]) -> dict[str, Any]:
    items = [
        {"@type": "ListItem", "position": place, "name": name, "item": address}
        for place, (name, address) in enumerate(steps, start=1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": items}


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """Without what nobody said."""
    return {name: value for name, value in values.items() if value not in ("", None)}
