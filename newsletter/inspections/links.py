"""Where links lead, as it was found the last time they were followed (`cms/links.py`). Nothing is fetched here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.utils.text import Truncator
from wagtail.models import Page

from cms import links
from cms.models import CheckedLink
from newsletter.inspections.draft import Draft
from newsletter.inspections.findings import Finding, Level

States = CheckedLink.State


def links_of(draft: Draft) -> list[str]:
    """Every link out of our site that a reader of this issue may follow."""
    behind = [url for one in draft.shown if one.entry for url in links.links_in(one.entry)]
    return list(dict.fromkeys([*links.external(_in_opening(draft)), *behind]))


def look(draft: Draft) -> Iterator[Finding]:
    known = links.known(links_of(draft))
    yield from _of_ours(draft)
    opening = links.external(_in_opening(draft))
    for url in opening:
        if found := _judge(known.get(url), url, level=Level.ERROR, doubt=Level.WARNING):
            code, level, sentence = found
            yield Finding(code, level, f"Introduction or announcements: {sentence}", f"link:{url}")
    for one in draft.shown:
        assert one.entry
        for url in links.links_in(one.entry):
            if found := _judge(known.get(url), url, level=Level.WARNING, doubt=Level.NOTE):
                code, level, sentence = found
                yield one.finding(code, level, f"{one.name}: {sentence}", entry=True)
    waiting = [url for url in links_of(draft) if _is_waiting(known.get(url))]
    if waiting:
        many = f"{len(waiting)} links have" if len(waiting) > 1 else "One link has"
        sentence = f"{many} not been checked yet: check the links now, or wait until it is done."
        yield Finding("link-unchecked", Level.WARNING, sentence, "links", says="some")


def _in_opening(draft: Draft) -> list[str]:
    return [*(url for text in draft.rich_texts for url in links.addresses_in(text)), *draft.buttons]


def _judge(link: CheckedLink | None, url: str, *, level: Level, doubt: Level) -> tuple[str, Level, str] | None:
    if link is None or link.ignored:
        return None
    if link.state == States.BROKEN:
        return "link-broken", level, f"the link {_short(url)} is broken. {link.problem} Correct it, or take it out."
    if link.state == States.UNCLEAR:
        return "link-unclear", doubt, f"the link {_short(url)} could not be checked. {link.problem} Try it yourself."
    if link.state == States.REDIRECTED:
        return "link-moved", Level.NOTE, f"the link {_short(url)} has moved for good to {_short(link.location)}."
    return None


def _is_waiting(link: CheckedLink | None) -> bool:
    return link is None or (link.state == States.WAITING and not link.ignored)


def _of_ours(draft: Draft) -> Iterator[Finding]:
    """Links to our own pages are looked up, not followed."""
    ours = [url for url in _in_opening(draft) if links.is_ours(url)]
    missing: Iterable[str] = links.without_page(ours) if ours else ()
    for url in sorted(missing):
        sentence = f"Introduction or announcements: {_short(url)} is no page of ours. Correct the link, or take it out."
        yield Finding("link-broken", Level.ERROR, sentence, f"link:{url}")
    pages: dict[int, None] = defaultdict()
    for text in draft.rich_texts:
        pages |= dict.fromkeys(links.pages_in(text))
    live = set(Page.objects.live().filter(pk__in=pages).values_list("pk", flat=True)) if pages else set()
    for page in pages:
        if page not in live:
            sentence = "Introduction or announcements: a link leads to a page that has been deleted or unpublished."
            yield Finding("link-broken", Level.ERROR, f"{sentence} Choose another, or take it out.", f"page:{page}")


def _short(url: str) -> str:
    return Truncator(url).chars(100)
