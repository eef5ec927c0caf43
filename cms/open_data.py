"""What may leave the hub as data: which entries, which of their words, and under which addresses.

Feeds, calendars, the JSON API, Open Referral, the sitemap and the metadata of pages all ask here; so do the search's
index, the front page, related entries, signposting and the mails to contacts: there is one place that decides. A case
study leaves as its teaser: title, summary and terms, which public lists show as well; never its body, setting or
what changed, not even for members, because these answers are the same for everybody.
"""

import re
from html import unescape
from unicodedata import normalize
from urllib.parse import quote

import nh3
from django.conf import settings
from django.db.models import QuerySet
from django.utils.html import strip_tags
from wagtail.models import Page, PageViewRestriction

from cms.groups import MEMBERS_GROUP
from cms.models.entry import Entry, Kind
from cms.plain_text import many_lines
from cms.querysets import EntryQuerySet

TERMS = ("sectors", "regions", "topics", "age_groups")
RICH_TAGS = {"p", "br", "strong", "b", "em", "i", "a", "ul", "ol", "li", "h3"}
NO_CHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")  # no XML parser takes them
_CLEANER = nh3.Cleaner(
    tags=RICH_TAGS,
    attributes={"a": {"href"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel=None,
)
_BLOCK = re.compile(r"<(?:/(?:p|h3|li|ul|ol)|br\s*/?)>", re.IGNORECASE)


def open_entries() -> EntryQuerySet:
    """Live entries that everybody may know of, case studies included: one query at once, none later. Whoever reads
    several lists at a time narrows one of these.

    Left out is what editors put behind page privacy, on the entry itself or on a page above it. That a case study is
    for members is known, and kept by showing no more than its teaser; one put away for others is left out too.
    """
    hidden = closing().filter(page__entry__isnull=False).values("page_id")
    entries: EntryQuerySet = Entry.objects.live().exclude(pk__in=hidden)
    for path in closed_paths():
        entries = entries.exclude(path__startswith=path)
    return entries


def closing() -> "QuerySet[PageViewRestriction]":
    """The page privacy that hides a page altogether: all but what asks for membership to read a case study."""
    teased = PageViewRestriction.objects.filter(
        restriction_type=PageViewRestriction.GROUPS, groups__name=MEMBERS_GROUP, page__entry__kind=Kind.CASE_STUDY
    )
    found: QuerySet[PageViewRestriction] = PageViewRestriction.objects.exclude(pk__in=teased.values("pk"))
    return found


def closed_paths() -> list[str]:
    """The tree paths of pages, other than entries, that are not for everybody (one query)."""
    return list(closing().filter(page__entry=None).values_list("page__path", flat=True))


def is_teaser(entry: Entry) -> bool:
    """Whether no more than title, summary and terms may leave."""
    return entry.kind == Kind.CASE_STUDY


def entry_path(slug: str) -> str:
    """The fixed path of an entry (design.md), as it stands in an address."""
    return f"/directory/{quote(slug)}/"


def entry_address(entry: Entry) -> str:
    return settings.SITE_URL + entry_path(entry.slug)


def page_address(page: Page) -> str:
    """The one address of any page, whatever name the visitor's browser used for our server."""
    if isinstance(page, Entry):
        return entry_address(page)
    return settings.SITE_URL + quote(page.url_path.removeprefix(_root_path(page)) or "/", safe="/")


def plain(text: str) -> str:
    """Text as one line, without what nobody can see and no parser takes."""
    return " ".join(_visible(text).split())


def clean_rich_text(html: str) -> str:
    """Rich text reduced to a few harmless tags. Links lead to absolute addresses; others keep their words only.

    So no name or address of a document or page of ours leaves with it: such links have none in the database's form.
    """
    return _visible(_CLEANER.clean(_visible(html)))


def rich_text_as_lines(html: str) -> str:
    """Rich text as plain text, one line for each paragraph, heading and item."""
    words = strip_tags(_BLOCK.sub("\n", clean_rich_text(html)))
    lines = (plain(line) for line in unescape(words).splitlines())
    return "\n".join(line for line in lines if line)


def _visible(text: str) -> str:
    """Text without what nobody can see; lines stay. Most text holds nothing of the kind, which is quickly found out."""
    return normalize("NFC", text) if text.isprintable() else many_lines(NO_CHARACTERS.sub("", text))


def _root_path(page: Page) -> str:
    """“/home” of the front page’s children: the front page's own word, which no address shows."""
    return "/" + page.url_path.strip("/").partition("/")[0]
