"""Retargeting: a link in mails that are out leads somewhere else from now on.

The mails hold `/l/<token>/<number>` for readers who agreed to have clicks measured, and the plain address for the
others. So two things change: what the number leads to, and, once the entry has gone from the website, a redirect from
its old address. A redirect answers only where there is no page: an entry that is put back wins by itself.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import Resolver404, resolve
from django.utils.encoding import iri_to_uri, uri_to_iri
from wagtail.contrib.redirects.models import Redirect
from wagtail.log_actions import log
from wagtail.models import Page, Site

from cms.models import CheckedLink
from membership.models import User
from newsletter.compiling import IssueError
from newsletter.models import Issue, Link
from newsletter.numbering import RETARGETED, addresses_in_mail

LONGEST = 500  # characters of an address, as of `Link.url`
LONGEST_REDIRECT = 255  # as of Wagtail's redirects
NOT_FOR_ALL = ("/l/", "/o/", "/e-news/u/", "/e-news/p/", "/admin/")
OWN_NETWORK = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "test", "invalid", "onion", "arpa")


class Leads(StrEnum):
    """What an address leads to, as far as can be said without fetching anything."""

    GONE = "gone"  # a page of ours that is not there
    BROKEN = "broken"  # somebody else's, and the link checker could not open it
    REDIRECT = "redirect"  # a page of ours that is not there, and a redirect answers in its place
    LIVE = "live"  # a page of ours
    ELSEWHERE = "elsewhere"  # somebody else's


@dataclass(frozen=True)
class Retargeted:
    """What became of a link: where it led, leads now, and whether the plain address in the mails leads there too."""

    old: str
    new: str
    redirected: bool


def retarget(link: Link, url: str, *, by: User, reason: str) -> Retargeted:
    """Let a link lead to `url` from now on, in every mail that is out. May be done again: the last one counts.

    Raises IssueError, with what to do about it, for an address we do not send readers to, or without a reason.
    """
    url, reason = check_target(url), " ".join(reason.split())
    if not reason:
        raise IssueError("Say why the link is to lead elsewhere: the reason is kept with the issue.")
    with transaction.atomic():
        locked = Link.objects.select_for_update().get(pk=link.pk)
        in_mail = addresses_in_mail(locked.issue_id)[locked.number]
        old, locked.url = locked.url, url
        locked.save(update_fields=["url"])
        redirected = _redirect(in_mail, url)
        log(
            Issue.objects.get(pk=locked.issue_id),
            RETARGETED,
            user=by,
            data={"number": locked.number, "old": old, "new": url, "reason": reason, "redirected": redirected},
        )
    return Retargeted(old, url, redirected)


def check_target(url: str) -> str:
    """Return the address, without blanks around it, if readers may be sent there; raise IssueError if not."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        parts = parts._replace(netloc=parts.netloc.encode("idna").decode())
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:  # a UnicodeError of a name that is none, too
        raise IssueError("This is no web address: copy it from the browser’s address bar.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise IssueError("Give the whole address, beginning with https://.")
    if any(char.isspace() or not char.isprintable() for char in url) or "\\" in url:
        raise IssueError("The address holds blanks or characters that cannot be seen: copy it again.")
    if parts.username is not None or parts.password is not None:
        raise IssueError("The address holds a name or password before the @: take it out.")
    url = iri_to_uri(parts.geturl())
    if len(url) > LONGEST:
        raise IssueError(f"The address is longer than {LONGEST} characters: use a shorter one.")
    if path := own_path(url):
        if path.startswith(NOT_FOR_ALL):
            raise IssueError(
                "This address is for one reader only, or for staff: choose a page that everybody can open."
            )
        if where_they_lead([url])[url] in {Leads.GONE, Leads.REDIRECT}:
            raise IssueError("There is no page at this address of our own website: choose one that is published.")
    elif not _is_public(host):
        raise IssueError("Readers cannot reach this address: it lies in a private network.")
    return url


def where_they_lead(urls: list[str]) -> dict[str, Leads]:
    """What each address leads to: at most four queries, whatever their number, and nothing is fetched."""
    paths = {url: path for url in urls if (path := own_path(url)) is not None}
    others = [url for url in urls if url not in paths]
    missing = set(paths.values()) - _live(set(paths.values()))
    answered = _answered(missing)
    found = {
        url: Leads.LIVE if path not in missing else Leads.REDIRECT if path in answered else Leads.GONE
        for url, path in paths.items()
    }
    broken = CheckedLink.objects.filter(
        url_hash__in=[CheckedLink.hash_of(url) for url in others], state=CheckedLink.State.BROKEN, ignored=False
    )
    known = set(broken.values_list("url", flat=True)) if others else set()
    return found | {url: Leads.BROKEN if url in known else Leads.ELSEWHERE for url in others}


def own_path(url: str) -> str | None:
    """The path of an address on our own website; None for any other."""
    ours, parts = urlsplit(settings.SITE_URL), urlsplit(url)
    return uri_to_iri(parts.path or "/") if parts.netloc.lower() == ours.netloc.lower() else None


def _live(paths: set[str]) -> set[str]:
    """Those that a published page answers, or one that is no page of the tree."""
    in_tree = {path for path in paths if _in_tree(path)}
    if not in_tree:
        return paths
    root = Site.objects.select_related("root_page").get(is_default_site=True).root_page.url_path
    places = {path: root + path.strip("/") + "/" if path.strip("/") else root for path in in_tree}
    pages = set(Page.objects.live().filter(url_path__in=places.values()).values_list("url_path", flat=True))
    return paths - {path for path, place in places.items() if place not in pages}


def _in_tree(path: str) -> bool:
    try:
        return resolve(path).url_name == "wagtail_serve"
    except Resolver404:
        return True


def _answered(paths: set[str]) -> set[str]:
    normal = {Redirect.normalise_path(path): path for path in paths}
    found = Redirect.objects.filter(old_path__in=normal).values_list("old_path", flat=True) if normal else []
    return {normal[old] for old in found}


def _redirect(address: str, url: str) -> bool:
    """Answer at an old address of ours in place of the page that has gone; return whether it does."""
    path = own_path(address)
    if path is None or _live({path}):
        return False
    old_path = Redirect.normalise_path(path)
    if len(old_path) > LONGEST_REDIRECT or len(url) > LONGEST_REDIRECT:
        raise IssueError(f"The website’s redirects hold {LONGEST_REDIRECT} characters: use a shorter address.")
    site = Site.objects.get(is_default_site=True)
    values = {"redirect_link": url, "redirect_page": None, "is_permanent": False, "automatically_created": False}
    if not Redirect.objects.filter(old_path=old_path, site=site).update(**values):
        Redirect.objects.create(old_path=old_path, site=site, **values)
    return True


def _is_public(host: str) -> bool:
    """Whether a host is a public name or address, as far as can be said without asking for it."""
    try:
        return ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        # A browser reads 127.1 or 0x7f.1 as an address too.
        return "." in host and last not in OWN_NETWORK and not last.isdigit() and not last.startswith("0x")
