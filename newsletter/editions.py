"""What an issue's editions hold: the edition rule (`choosing.py`) asked about its items, and its answer as content."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from urllib.parse import parse_qs

from django.conf import settings
from django.db.models import F, Value, prefetch_related_objects
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator

from cms.directory import Vocabulary, load_vocabulary, read_filters
from cms.models import Entry, Event, Funding, Kind, Region, Sector
from cms.open_data import open_entries
from cms.querysets import EntryQuerySet
from membership.models import Audience
from newsletter.announcing import absolute, announcements
from newsletter.choosing import NOTHING, Candidate, Choice, Shortlist, choose
from newsletter.content import Announcement, EditionContent, ItemContent, SectionContent
from newsletter.models import Approval, Issue, Item, NewsletterSettings
from newsletter.pictures import Picture, pictures
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT
from newsletter.wording import Wording, approval_of, read_wordings

__all__ = ["Candidate", "Choice", "IssueEditions", "choose", "quarterly_limit"]

QUARTERLY_MOST = 25  # items of the greatest length that stay under the 90 KB of a mail
SEARCHES_AT_ONCE = 40  # saved searches in one query
SEARCH_WORDS = 60  # characters of a saved search that a mail repeats
HIGHLIGHTS = 3
CORRECTED = "The entry as it is now"  # over the only one of a correction
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


class IssueEditions:
    """An issue's items, loaded once (a fixed number of queries), and the editions that can be made of them.

    `issue` may be any draft: nothing is read but what the object holds. Of an approved version (`approved`), entries
    say what they said when it was approved (ADR 14); whatever has been unpublished or put behind page privacy since
    falls out. The quarter's
    earlier issues are read only when a reader who wants one in three months makes it necessary.
    """

    @classmethod
    def approved(cls, issue: Issue) -> "IssueEditions":
        """The editions of the version that was approved."""
        return cls(issue, approval=approval_of(issue))

    def __init__(self, issue: Issue, *, approval: Approval | None = None) -> None:
        self.issue = issue
        self.limit = approval.items_per_edition if approval else NewsletterSettings.load().items_per_edition
        in_issue = [item for item in _carried(issue) if item.page_id]
        items = [item for item in in_issue if not item.left_out]
        prefetch_related_objects([item for item in items if item.pk], "sectors")
        self.pages = _wordings([item.page_id for item in items], open_entries())
        self.approved_words = read_wordings(approval) if approval else None
        self.pages = self._as_approved(self.pages)
        self.items = {
            place: item for place, item in enumerate(items, start=1) if item.page_id in self.pages
        }  # the place, from 1, is also the number of the item's link
        self.sector_names = dict(Sector.objects.values_list("pk", "short_name"))
        self.region_names = dict(Region.objects.values_list("pk", "name"))
        self.candidates = {place: self._candidate(place, item) for place, item in self.items.items()}
        self.own = list(self.items)  # without what the quarter's earlier issues add
        self._not_again = {item.page_id for item in in_issue}
        self._last_place = len(items)
        self._quarter_loaded = False
        self._matches: dict[str, frozenset[int]] = {}
        self._shortlists: dict[int, Shortlist] = {}  # by the number of their candidates

    def choose(self, audience: Audience, *, uncut: bool = False) -> Choice:
        """Items (by their place) for an audience. Who wants one issue in three months gets nothing in between.

        `uncut` asks what they would get if there were no limit.
        """
        if self.issue.is_correction:
            return self.general()  # for whoever received the entry, whatever they have chosen since
        limit, among = self.limit, self._shortlist(self.own)
        if audience.quarterly:
            if not self.issue.month.ends_quarter:
                return NOTHING
            self.load_quarter()
            limit, among = quarterly_limit(self.limit), self._shortlist(list(self.items))
        found = {query: self._found_by(query) for query in audience.searches}
        return among.choose(audience, len(self.items) if uncut else limit, found)

    def prepare(self, audiences: Iterable[Audience]) -> None:
        """Load what choosing for these will ask for: one query for every so many saved searches, not one for each."""
        audiences = list(audiences)
        if any(audience.quarterly for audience in audiences):
            self.load_quarter()
        queries = {query for audience in audiences for query in audience.searches} - set(self._matches)
        self._match(sorted(queries))

    def _shortlist(self, places: Sequence[int]) -> Shortlist:
        if len(places) not in self._shortlists:
            self._shortlists[len(places)] = Shortlist(self.candidates[place] for place in places)
        return self._shortlists[len(places)]

    def load_quarter(self) -> None:
        """Add what the quarter's two earlier issues carried and is still of use, behind the issue's own items."""
        month = self.issue.month
        if self._quarter_loaded or not month.ends_quarter or self.issue.is_correction:
            return
        self._quarter_loaded = True
        earlier = Issue.objects.sent().filter(period__in=[str(month.previous), str(month.previous.previous)])
        carried = Item.objects.filter(issue__in=earlier, page__isnull=False).prefetch_related("sectors")
        useful_on = max(timezone.localdate(), month.next.first_day)
        items: list[Item] = []
        for item in carried.order_by("-issue__period", F("sort_order").asc(nulls_last=True), "pk"):
            if item.page_id not in self._not_again:
                self._not_again.add(item.page_id)
                items += [] if item.left_out else [item]
        pages = _wordings([item.page_id for item in items], open_entries().current(useful_on))
        pages = self._as_approved(pages)
        self.pages |= pages
        items = [item for item in items if item.page_id in pages]
        for place, item in enumerate(items, start=self._last_place + 1):
            self.items[place] = item
            self.candidates[place] = self._candidate(place, item)
        self._matches.clear()
        self.__dict__.pop("_pictures", None)

    def _as_approved(self, pages: dict[int, Wording]) -> dict[int, Wording]:
        """These pages in the words that were approved: one that nobody approved, however it got here, falls out."""
        words = self.approved_words
        return pages if words is None else {page: words[page] for page in pages if page in words}

    def numbered(self) -> list[ItemContent]:
        """Every item that any edition may carry, under the number of its link."""
        return [self._content(place) for place in self.items]

    def general(self, limit: int | None = None) -> Choice:
        """Every item, for nobody in particular, as the web archive shows it; with a limit, as many as a mail holds."""
        places = sorted(self.own, key=lambda place: (not self.candidates[place].pinned, place))
        kept = places[:limit]
        return Choice(tuple(kept), len(places) - len(kept))

    def label(self, audience: Audience) -> str:
        """The audience in words: “Health, Schools · North East”."""
        names = [name for pk, name in self.sector_names.items() if pk in audience.sector_ids]
        region = self.region_names.get(audience.region_id or 0, "national")
        more = " · quarterly" if audience.quarterly else ""
        more += " · with saved searches" if audience.searches else ""  # what they look for is theirs alone
        return f"{', '.join(names) or 'no sector'} · {region}{more}"

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
        marks = dict(choice.marks)
        shown = [self._content(place, marks.get(place, "")) for place in choice.items]
        highlights = tuple(item for item in shown if item.pinned)[:HIGHLIGHTS]
        rest = [item for item in shown if item not in highlights]
        sections = tuple(
            SectionContent(kind.value, CORRECTED if self.issue.is_correction else HEADINGS[kind], found)
            for kind in Kind
            if (found := tuple(item for item in rest if item.kind == kind.value))
        )
        site, month = settings.SITE_URL, self.issue.month.title
        return EditionContent(
            subject=self.issue.subject,
            preheader=self.issue.preheader,
            month=month,
            introduction_html=self.introduction(),
            highlights=highlights,
            sections=sections,
            more_count=choice.more,
            more_url=f"{site}/directory/",
            site_url=f"{site}/",
            archive_url=f"{site}/e-news/{self.issue.period}/",
            unsubscribe_url=site + reverse("news_unsubscribe", args=[token]),
            preferences_url=site + reverse("news_preferences", args=[token]),
            helpline_number=str(settings.HELPLINE["number"]),
            helpline_hours=str(settings.HELPLINE["hours"]),
            postal_address=settings.POSTAL_ADDRESS,
            greeting=greeting,
            audience=audience,
            notice=notice,
            correction=f"This is a correction to our e-news of {month}." if self.issue.is_correction else "",
            announcements=self.announcements,
        )

    def introduction(self) -> str:
        """The editor's rich text with every link absolute, as a mail needs it."""
        return absolute(self.issue.introduction)

    @cached_property
    def announcements(self) -> tuple[Announcement, ...]:
        """What the editor tells everybody."""
        return announcements(self.issue)

    @cached_property
    def _pictures(self) -> dict[int, Picture]:
        wanted = {item.image_id for item in self.items.values() if item.image_id}
        return pictures(wanted) if wanted else {}

    def _candidate(self, place: int, item: Item) -> Candidate:
        page = self.pages[item.page_id]
        own = frozenset(sector.pk for sector in item.sectors.all()) if item.pk else frozenset()
        return Candidate(
            item=place,
            kind=page.kind,
            sectors=own or page.sectors,
            regions=page.regions,
            place=place,
            pinned=item.pinned,
        )

    def _content(self, place: int, search: str = "") -> ItemContent:
        item, page = self.items[place], self.pages[self.items[place].page_id]
        picture = self._pictures.get(item.image_id or 0)
        kind = Kind(item.section or page.kind)  # one that is just being added has no section yet
        return ItemContent(
            number=place,
            kind=kind.value,
            kind_label=kind.label,
            headline=item.headline or page.title,
            summary=item.summary or page.summary,
            url=f"{settings.SITE_URL}/directory/{page.slug}/",
            audience_label=self._audience_label(self.candidates[place]),
            date_line=page.date_line,
            leaf=page.leaf,
            members_only=page.kind == Kind.CASE_STUDY,
            pinned=item.pinned,
            reason_line=f"From your saved search: {self._words(search)}" if search else "",
            image_url=picture.url if picture else "",
            image_alt=item.image_alt if picture else "",
            image_width=picture.width if picture else 0,
            image_height=picture.height if picture else 0,
        )

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return load_vocabulary()

    def _found_by(self, query: str) -> frozenset[int]:
        """The places of items that a saved search matches: one query for each search not seen before."""
        if query not in self._matches:
            self._match([query])
        return self._matches[query]

    def _match(self, queries: Sequence[str]) -> None:
        """Ask the directory for what these saved searches match, many in one query."""
        found: dict[str, set[int]] = {query: set() for query in queries}
        asked: list[EntryQuerySet] = []
        for number, query in enumerate(queries):
            filters = read_filters(parse_qs(query), self._vocabulary)
            # A search whose words are no longer known must not turn into one that finds more.
            if query and filters.canonical == query:
                entries = filters.narrow(Entry.objects.filter(pk__in=list(self.pages)))
                asked.append(entries.order_by().annotate(asked=Value(number)).values_list("asked", "pk"))
        for first in range(0, len(asked), SEARCHES_AT_ONCE):
            one, *others = asked[first : first + SEARCHES_AT_ONCE]
            for number, page in one.union(*others):
                found[queries[number]].add(page)
        for query, pages in found.items():
            self._matches[query] = frozenset(place for place, item in self.items.items() if item.page_id in pages)

    def _words(self, query: str) -> str:
        return Truncator(read_filters(parse_qs(query), self._vocabulary).words).chars(SEARCH_WORDS)

    def _audience_label(self, candidate: Candidate) -> str:
        sectors = [name for pk, name in self.sector_names.items() if pk in candidate.sectors]
        regions = [name for pk, name in self.region_names.items() if pk in candidate.regions]
        return f"For: {', '.join(sectors) or 'everyone'} · {', '.join(regions) or 'national'}"


def _carried(issue: Issue) -> list[Item]:
    """The issue's items. A correction's is the one it corrects, in the entry's own words: what an editor put in their
    place for the issue may be what was wrong."""
    if not issue.is_correction:
        return list(issue.items.all())
    item = Item.objects.select_related("page").get(pk=issue.corrects_id)
    item.headline = item.summary = ""
    item.image, item.pinned, item.left_out = None, False, False
    return [item]


def quarterly_limit(limit: int) -> int:
    """How many items an issue for three months holds: twice as many, as far as mailboxes show them uncut."""
    return max(limit, min(2 * limit, QUARTERLY_MOST))


def _wordings(ids: Sequence[int], entries: EntryQuerySet) -> dict[int, Wording]:
    """What those of `entries` with these ids say. Only events and funding say more than their base, so only they are
    fetched as their own kind: the number of queries is fixed."""
    pages: dict[int, Entry] = {page.pk: page for page in entries.filter(pk__in=ids).with_terms()}
    for model in (Event, Funding):
        pages |= {page.pk: page for page in model.objects.filter(pk__in=list(pages)).with_terms()}
    return {pk: Wording.of(page) for pk, page in pages.items()}
