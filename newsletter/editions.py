"""The edition rule: which items a reader gets, in which order, and how that becomes content.

The rule itself is pure (`choose`); preview, freeze and the member's own page all ask it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from wagtail.rich_text import expand_db_html

from cms.models import Entry, Event, Funding, Kind, Region, Sector
from membership.models import Audience
from newsletter.content import EditionContent, ItemContent, SectionContent
from newsletter.models import Issue, Item, NewsletterSettings
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT

HIGHLIGHTS = 3
HEADINGS = {
    Kind.RESOURCE: "Resources",
    Kind.RESEARCH: "Research",
    Kind.POLICY: "Policy",
    Kind.SERVICE: "Support services",
    Kind.CASE_STUDY: "Practice and case studies",
    Kind.TRAINING: "Training",
    Kind.FUNDING: "Funding",
    Kind.EVENT: "Events",
}


@dataclass(frozen=True)
class Candidate:
    """What the rule needs to know of an item. No sectors = for everyone; no regions = national."""

    item: int
    kind: str
    sectors: frozenset[int]
    regions: frozenset[int]
    place: int  # the editor's order
    pinned: bool = False


@dataclass(frozen=True)
class Choice:
    """What a reader gets: item ids in order, and how many more there would have been."""

    items: tuple[int, ...]
    more: int


def choose(candidates: Iterable[Candidate], audience: Audience, limit: int) -> Choice:
    """Apply the edition rule (design.md): chosen kinds, own sectors or for everyone, own region or national.

    Own-sector items come first, then the editor's order; pinned ones before all. At most `limit` items.
    """
    sectors, region, kinds = audience.sector_ids, audience.region_id, audience.kinds
    wanted = [
        candidate
        for candidate in candidates
        if candidate.kind in kinds
        and (not candidate.sectors or candidate.sectors & sectors)
        and (not candidate.regions or region in candidate.regions)
    ]
    wanted.sort(key=lambda one: (not one.pinned, not (one.sectors & sectors), one.place))
    pinned = sum(one.pinned for one in wanted)
    kept = wanted[: max(limit, pinned)]
    return Choice(tuple(one.item for one in kept), len(wanted) - len(kept))


class IssueEditions:
    """An issue's items, loaded once (a fixed number of queries), and the editions that can be made of them.

    `issue` may be the approved version or any draft: nothing is read but what the object holds.
    """

    def __init__(self, issue: Issue) -> None:
        self.issue = issue
        self.limit = NewsletterSettings.load().items_per_edition
        items = [item for item in issue.items.all() if item.page_id and not item.left_out]
        self.pages = _specific_pages([item.page_id for item in items])
        self.items = {
            place: item for place, item in enumerate(items, start=1) if item.page_id in self.pages
        }  # the place, from 1, is also the number of the item's link
        self.sector_names = dict(Sector.objects.values_list("pk", "short_name"))
        self.region_names = dict(Region.objects.values_list("pk", "name"))
        self.candidates = [self._candidate(place, item) for place, item in self.items.items()]

    def choose(self, audience: Audience) -> Choice:
        """Items (by their place in the issue) for an audience."""
        return choose(self.candidates, audience, self.limit)

    def general(self, limit: int | None = None) -> Choice:
        """Every item, for nobody in particular, as the web archive shows it; with a limit, as many as a mail holds."""
        places = [one.item for one in sorted(self.candidates, key=lambda one: (not one.pinned, one.place))]
        kept = places[:limit]
        return Choice(tuple(kept), len(places) - len(kept))

    def label(self, audience: Audience) -> str:
        """The audience in words: “Health, Schools · North East”."""
        names = [name for pk, name in self.sector_names.items() if pk in audience.sector_ids]
        region = self.region_names.get(audience.region_id or 0, "national")
        return f"{', '.join(names) or 'no sector'} · {region}"

    def content(
        self,
        choice: Choice,
        *,
        audience: str = "",
        greeting: str = GREETING_SLOT,
        token: str = TOKEN_SLOT,
        notice: str = "",
    ) -> EditionContent:
        """Everything an edition says, ready to render."""
        shown = [self._content(place) for place in choice.items]
        highlights = tuple(item for item in shown if item.pinned)[:HIGHLIGHTS]
        rest = [item for item in shown if item not in highlights]
        sections = tuple(
            SectionContent(kind.value, HEADINGS[kind], found)
            for kind in Kind
            if (found := tuple(item for item in rest if item.kind == kind.value))
        )
        site = settings.SITE_URL
        return EditionContent(
            subject=self.issue.subject,
            preheader=self.issue.preheader,
            month=self.issue.month.title,
            introduction_html=self.introduction(),
            highlights=highlights,
            sections=sections,
            more_count=choice.more,
            more_url=f"{site}/directory/",
            site_url=f"{site}/",
            archive_url=f"{site}/e-news/{self.issue.period}/",
            unsubscribe_url=site + reverse("news_unsubscribe", args=[token]),
            preferences_url=site + reverse("news_preferences", args=[token]),
            helpline_number=settings.HELPLINE["number"],
            helpline_hours=settings.HELPLINE["hours"],
            postal_address=settings.POSTAL_ADDRESS,
            greeting=greeting,
            audience=audience,
            notice=notice,
        )

    def introduction(self) -> str:
        """The editor's rich text with every link absolute, as a mail needs it."""
        html: str = expand_db_html(self.issue.introduction)
        return html.replace('href="/', f'href="{settings.SITE_URL}/')

    def _candidate(self, place: int, item: Item) -> Candidate:
        page = self.pages[item.page_id]
        own = frozenset(sector.pk for sector in item.sectors.all()) if item.pk else frozenset()
        return Candidate(
            item=place,
            kind=page.kind,
            sectors=own or frozenset(sector.pk for sector in page.sectors.all()),
            regions=frozenset(region.pk for region in page.regions.all()),
            place=place,
            pinned=item.pinned,
        )

    def _content(self, place: int) -> ItemContent:
        item, page = self.items[place], self.pages[self.items[place].page_id]
        candidate = next(one for one in self.candidates if one.item == place)
        return ItemContent(
            number=place,
            kind=item.section,
            kind_label=Kind(item.section).label,
            headline=item.headline or page.title,
            summary=item.summary or page.summary,
            url=f"{settings.SITE_URL}/directory/{page.slug}/",
            audience_label=self._audience_label(candidate),
            date_line=_date_line(page),
            leaf=page.key_date if page.kind == Kind.EVENT else None,
            members_only=page.kind == Kind.CASE_STUDY,
            pinned=item.pinned,
        )

    def _audience_label(self, candidate: Candidate) -> str:
        sectors = [name for pk, name in self.sector_names.items() if pk in candidate.sectors]
        regions = [name for pk, name in self.region_names.items() if pk in candidate.regions]
        return f"For: {', '.join(sectors) or 'everyone'} · {', '.join(regions) or 'national'}"


def _specific_pages(ids: Sequence[int]) -> dict[int, Entry]:
    """The items' live pages as their own kinds. Only events and funding say more than their base, so only they are
    fetched as such: the number of queries is fixed."""
    pages: dict[int, Entry] = {page.pk: page for page in Entry.objects.live().filter(pk__in=ids).with_terms()}
    for model in (Event, Funding):
        pages |= {page.pk: page for page in model.objects.live().filter(pk__in=ids).with_terms()}
    return pages


def _date_line(page: Entry) -> str:
    if isinstance(page, Event):
        return f"{page.when()}, {page.place}"
    if isinstance(page, Funding) and page.deadline:
        return f"Apply by {date_format(page.deadline, 'l j F Y')}"
    return ""
