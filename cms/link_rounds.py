"""Links of the directory: gathered a slice of entries at a time, followed once a week, and forgotten when out of use.

`cms/links.py` says which links are due and follows them. A round goes through all live entries by id and begins anew;
what was followed within the week is left alone, so a link that stands in many entries, or in a draft of the e-news too,
is followed once.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import Page

from cms import links
from cms.link_fetching import follow
from cms.links import DOUBT_AGAIN_AFTER, Fetch
from cms.models import CheckedLink, ConsortiaPage, Consortium, Entry, StandardPage

ENTRIES = 500  # read in one slice
AT_MOST = 150  # links followed in one slice
SECONDS = 200.0
PLACE = "links.place"  # where the round is, in the cache: when it is lost, the round begins anew and finds little due
# A link in use is looked at every week: one that was not for so long stands in no entry and no draft.
FORGET_AFTER = timedelta(days=56)
IGNORED_FOR = timedelta(days=365)  # then it is looked at again, if it is still there
AROUND = 500  # consortia, and pages of text; no hub has more
HOLDERS = 200  # entries read to say where the links of one page stand
IGNORED, HEEDED, FOLLOWED = "cms.link.ignore", "cms.link.heed", "cms.link.check"

States = CheckedLink.State


def check_slice(*, fetch: Fetch = follow, at_most: int = AT_MOST, seconds: float = SECONDS) -> int:
    """Follow links that wait or are in doubt, and those of the next entries that are due; return how many were.

    With the first entries come the links of the pages around the directory. The round goes on to the next entries once
    nothing of these is due any more. May be run twice.
    """
    after = cache.get(PLACE, 0)
    entries = Entry.objects.live().filter(pk__gt=after).order_by("pk").values_list("pk", "link", "body")
    found = list(entries[:ENTRIES])
    led_to = {pk: links.links_of(link, body) for pk, link, body in found}
    others = [] if after else [page_urls for _, page_urls in _around()]
    urls = list(dict.fromkeys(url for page_urls in (*led_to.values(), *others) for url in page_urls))
    links.remember(urls)
    note_holders(led_to)
    wanted = dict.fromkeys([*_waiting(at_most), *links.due(urls)])
    checked = links.check(list(wanted)[:at_most], fetch=fetch, seconds=seconds) if wanted else 0
    if not links.due(urls):
        cache.set(PLACE, found[-1][0] if len(found) == ENTRIES else 0, timeout=None)
    return checked


def forget_unused() -> int:
    """Delete links that nothing has led to for eight weeks, a thousand at most; return how many."""
    now = timezone.now()
    unused = Q(ignored=False, checked_at__lt=now - FORGET_AFTER) | Q(ignored=True, checked_at__lt=now - IGNORED_FOR)
    pks = list(CheckedLink.objects.filter(unused).order_by("checked_at").values_list("pk", flat=True)[:1000])
    if pks:
        CheckedLink.objects.filter(pk__in=pks).delete()
    return len(pks)


def in_state(state: str) -> "QuerySet[CheckedLink]":
    """Links of one state, or the `ignored` ones, those that were looked at last first."""
    known = CheckedLink.objects.filter(ignored=True)
    if state != "ignored":
        known = CheckedLink.objects.filter(state=state, ignored=False)
    return known.order_by(F("checked_at").desc(nulls_last=True), "pk")


@transaction.atomic
def note_holders(led_to: Mapping[int, Sequence[str]]) -> None:
    """Note which links (known ones) each of these entries leads to; only what has changed is written."""
    through = CheckedLink.entries.through.objects
    known = {url: link.pk for url, link in links.known({url for urls in led_to.values() for url in urls}).items()}
    wanted = {(entry, known[url]) for entry, urls in led_to.items() for url in urls if url in known}
    noted = {
        (entry, link): pk
        for pk, entry, link in through.filter(entry__in=led_to).values_list("pk", "entry_id", "checkedlink_id")
    }
    through.filter(pk__in=[pk for pair, pk in noted.items() if pair not in wanted]).delete()
    new = [through.model(entry_id=entry, checkedlink_id=link) for entry, link in sorted(wanted - set(noted))]
    through.bulk_create(new, batch_size=500, ignore_conflicts=True)


def holders(found: Sequence[CheckedLink]) -> dict[str, list[Page]]:
    """The live pages that lead to each of these links, by address: entries, at most 200 in all, and those around the
    directory; in five queries. One that has been changed since the last round, and leads there no more, is left out."""
    held: dict[str, list[Page]] = {link.url: [] for link in found}
    noted = CheckedLink.entries.through.objects.filter(checkedlink__in=found, entry__live=True)
    pks = set(noted.order_by("entry__title", "entry_id").values_list("entry_id", flat=True)[:HOLDERS])
    for entry in Entry.objects.filter(pk__in=pks).order_by("title", "pk"):
        for url in links.links_in(entry):
            if url in held:
                held[url].append(entry)
    for page, urls in _around() if found else ():
        for url in urls:
            if url in held:
                held[url].append(page)
    return held


def ignore(*, link: CheckedLink, by: Any) -> bool:
    """Note that a link is all right, whatever programs find there; return False if that was so already."""
    return _set_ignored(link, True, IGNORED, by)


def heed(*, link: CheckedLink, by: Any) -> bool:
    """Take `ignore` back; return False if it was not ignored."""
    return _set_ignored(link, False, HEEDED, by)


def _around() -> list[tuple[Page, list[str]]]:
    """The consortia, their own page and the pages of text, with the links in each: few, and read anew each time, since
    a link's row knows of entries only. Three queries."""
    consortia = Consortium.objects.live().order_by("title", "pk")[:AROUND]
    texts = [*ConsortiaPage.objects.live(), *StandardPage.objects.live().order_by("title", "pk")[:AROUND]]
    found: list[tuple[Page, list[str]]] = [(page, links.links_of(page.link, page.body)) for page in consortia]
    return found + [(page, links.links_of("", page.body)) for page in texts]


def _set_ignored(link: CheckedLink, ignored: bool, action: str, by: Any) -> bool:
    if not CheckedLink.objects.filter(pk=link.pk, ignored=not ignored).update(ignored=ignored):
        return False
    log(link, action, user=by)
    return True


def _waiting(at_most: int) -> list[str]:
    """Links nobody has looked at, and those whose one failure proves nothing yet, wherever they stand."""
    old = timezone.now() - DOUBT_AGAIN_AFTER
    wanted = Q(state=States.WAITING) | Q(state=States.UNCLEAR, failures__gt=0, checked_at__lt=old)
    found = CheckedLink.objects.filter(wanted, ignored=False).order_by(F("checked_at").asc(nulls_first=True), "pk")
    return list(found.values_list("url", flat=True)[:at_most])
