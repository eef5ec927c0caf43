"""Links out of our pages and mails: which there are, which of them must be looked at again, and how each was found."""

import queue
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urldefrag, urlsplit

from django.conf import settings
from django.db.models import F, Q
from django.http import Http404
from django.urls import resolve
from django.utils import timezone
from wagtail.models import Page, Site

from cms.link_fetching import Answer, Verdict, follow
from cms.models import CheckedLink, Entry

WORKERS = 8  # links that are followed at once
PER_HOST = 2  # of them to one server: we are guests there
AGAIN_AFTER = timedelta(days=7)
BROKEN_AGAIN_AFTER = timedelta(days=1)
DOUBT_AGAIN_AFTER = timedelta(minutes=30)  # one failure proves nothing: it is asked a second time before it counts
LONGEST = 2000

Fetch = Callable[[str], Answer]


def links_in(entry: Entry) -> list[str]:
    """The web addresses that a reader of this entry is sent to: its own, and those in its text."""
    return links_of(entry.link, entry.body)


def links_of(link: str, body: str) -> list[str]:
    """The same, of an entry's web address and its stored text."""
    return external([link, *addresses_in(body)])


def external(urls: Iterable[str]) -> list[str]:
    """Those of `urls` that lead out of our site, once each, without the part behind a #."""
    found = (urldefrag(url.strip())[0] for url in urls if _is_web(url) and not is_ours(url))
    return list(dict.fromkeys(url for url in found if len(url) <= LONGEST))


def is_ours(url: str) -> bool:
    """Whether an address is one of our own pages."""
    if url.startswith("/") and not url.startswith("//"):
        return True
    return _is_web(url) and urlsplit(url.strip()).netloc.lower() == urlsplit(settings.SITE_URL).netloc.lower()


def addresses_in(html: str) -> list[str]:
    """Every address that a piece of rich text links to, as it is written there."""
    parser = _Anchors()
    parser.feed(html)
    return [attributes["href"] for attributes in parser.found if attributes.get("href")]


def pages_in(html: str) -> list[int]:
    """The ids of our own pages that a piece of stored rich text links to."""
    parser = _Anchors()
    parser.feed(html)
    wanted = (one.get("id", "") for one in parser.found if one.get("linktype") == "page")
    return [int(found) for found in wanted if found.isdecimal()]


def without_page(urls: Iterable[str]) -> set[str]:
    """Those of our own addresses that show nobody anything. Nothing is fetched: the page tree is asked, once."""
    paths = {url: urlsplit(url).path or "/" for url in urls}
    pages: dict[str, str] = {}
    missing = set()
    for url, path in paths.items():
        try:
            if resolve(path).url_name == "wagtail_serve":
                pages[url] = path.strip("/")
        except Http404:
            missing.add(url)
    if not pages:
        return missing
    site = Site.objects.select_related("root_page").filter(is_default_site=True).first()
    root = site.root_page.url_path if site else "/"
    tree = {url: f"{root}{path}/" if path else root for url, path in pages.items()}
    there = set(Page.objects.live().filter(url_path__in=set(tree.values())).values_list("url_path", flat=True))
    return missing | {url for url, path in tree.items() if path not in there}


def known(urls: Iterable[str]) -> dict[str, CheckedLink]:
    """What is known of these links, by address, in one query."""
    by_hash = {CheckedLink.hash_of(url): url for url in urls}
    return {by_hash[link.url_hash]: link for link in CheckedLink.objects.filter(url_hash__in=by_hash)}


def remember(urls: Iterable[str]) -> None:
    """Note links that wait for their first look."""
    by_hash = {CheckedLink.hash_of(url): url for url in urls}
    noted = set(CheckedLink.objects.filter(url_hash__in=by_hash).values_list("url_hash", flat=True))
    new = [CheckedLink(url=url, url_hash=hashed) for hashed, url in by_hash.items() if hashed not in noted]
    CheckedLink.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)


def due(urls: Iterable[str]) -> list[str]:
    """Those of these links that must be looked at, the ones that wait longest first."""
    now = timezone.now()
    states = CheckedLink.State
    old = (
        Q(checked_at=None)
        | Q(checked_at__lt=now - AGAIN_AFTER)
        | Q(state=states.BROKEN, checked_at__lt=now - BROKEN_AGAIN_AFTER)
        | Q(state=states.UNCLEAR, failures__gt=0, checked_at__lt=now - DOUBT_AGAIN_AFTER)
    )
    hashes = [CheckedLink.hash_of(url) for url in urls]
    waiting = CheckedLink.objects.filter(old, url_hash__in=hashes, ignored=False)
    return list(waiting.order_by(F("checked_at").asc(nulls_first=True), "pk").values_list("url", flat=True))


def check(urls: Iterable[str], *, fetch: Fetch = follow, seconds: float = 200) -> int:
    """Follow links, record how each was found as soon as it is, and return how many were. Those that could not be
    begun within `seconds` are left for another time."""
    wanted = external(urls)
    remember(wanted)
    links = known(wanted)
    checked = 0
    for url, answer in _followed([url for url in wanted if url in links], fetch, time.monotonic() + seconds):
        record(links[url], answer)
        checked += 1
    return checked


def record(link: CheckedLink, answer: Answer) -> None:
    """Write down what one look has shown. What may be a passing trouble counts from the second time on."""
    states, before = CheckedLink.State, link.state
    link.failures = link.failures + 1 if answer.verdict in {Verdict.GONE, Verdict.TROUBLE} else 0
    if answer.verdict == Verdict.WORKS:
        link.state = states.REDIRECTED if answer.location else states.WORKS
    elif answer.verdict == Verdict.GONE or link.failures > 1:
        link.state = states.BROKEN
    else:
        link.state = states.UNCLEAR
    link.status, link.location, link.problem = answer.status, answer.location, answer.problem[:200]
    link.checked_at = timezone.now()
    if link.state != before or link.since is None:
        link.since = link.checked_at
    link.save(update_fields=["state", "since", "status", "location", "problem", "failures", "checked_at"])


def _followed(urls: list[str], fetch: Fetch, until: float) -> Iterator[tuple[str, Answer]]:
    """Answers as they come in. Each server gets so many lanes, and a lane asks for one page after the other."""
    done: queue.SimpleQueue[tuple[str, Answer] | None] = queue.SimpleQueue()

    def drive(lane: list[str]) -> None:
        try:
            for url in lane:
                if time.monotonic() < until:
                    done.put((url, fetch(url)))
        finally:
            done.put(None)

    all_lanes = lanes(urls)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="links") as pool:
        jobs = [pool.submit(drive, lane) for lane in all_lanes]
        ended = 0
        while ended < len(jobs):
            found = done.get()
            if found is None:
                ended += 1
            else:
                yield found
        for job in jobs:
            job.result()  # a mistake of ours is not swallowed


def lanes(urls: Iterable[str]) -> list[list[str]]:
    """Deal links out so that no server is asked more than `PER_HOST` at once."""
    hosts: dict[str, list[str]] = defaultdict(list)
    for url in urls:
        hosts[urlsplit(url).hostname or ""].append(url)
    dealt = (found[first::PER_HOST] for found in hosts.values() for first in range(PER_HOST))
    return [lane for lane in dealt if lane]


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url.strip())
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


class _Anchors(HTMLParser):
    """Collects the attributes of every link."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append({name: value or "" for name, value in attrs})
