"""Following one link out of the site, safely: public addresses only, bounded in time and size (quality.md 20).

Anybody may suggest an entry, so a link is an address that a stranger chose. The name is looked up once, every address
it has must be public, and the connection is made to the address that was judged, not to the name again: a name that
changes its mind in between leads nowhere. Each redirect is judged in the same way.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings
from django.utils.encoding import iri_to_uri

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0  # for one link, with all its redirects
MAX_REDIRECTS = 5
MAX_BYTES = 65_536  # of the page itself; no more than the status line is needed, and nothing is kept
NOT_FOR_HEAD = {403, 405, 501}
PERMANENT, REDIRECTS = {301, 308}, {301, 302, 303, 307, 308}
NAT64 = ip_network("64:ff9b::/96")
# Public by number, and yet not of the internet: a cloud's own services, and addresses for documentation.
HOSTS_OWN = (ip_network("168.63.129.16/32"), ip_network("3fff::/20"))
UNFIT = re.compile(r"[\x00-\x20\x7f]")  # no address holds these; what a server sends is not to be trusted

Address = IPv4Address | IPv6Address


class Verdict(Enum):
    """What one attempt says about a link."""

    WORKS = "works"
    GONE = "gone"  # proven: nobody will reach it
    TROUBLE = "trouble"  # it failed, and may work again in an hour
    SILENT = "silent"  # nothing was learnt: it wants no programs, or our own network is at fault


@dataclass(frozen=True)
class Answer:
    """How one link was found. `location` is where it has moved to for good; `problem` one sentence, if it has any."""

    verdict: Verdict
    status: int | None = None
    location: str = ""
    problem: str = ""


class _Found(Exception):
    """Ends an attempt early, with its answer."""

    def __init__(self, verdict: Verdict, problem: str) -> None:
        super().__init__(problem)
        self.answer = Answer(verdict, problem=problem)


def look_up(host: str) -> list[str]:
    """The addresses of a host. Bounded in time, as the operating system's own look-up is not."""
    try:
        answers = dns.resolver.Resolver().resolve_name(host, lifetime=CONNECT_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.name.LabelTooLong, dns.name.EmptyLabel):
        raise _Found(Verdict.GONE, f"There is no server called {host[:80]}.") from None
    except (dns.exception.DNSException, OSError):
        raise _Found(Verdict.SILENT, "The name of its server could not be looked up.") from None
    found = list(answers.addresses())
    if not found:
        raise _Found(Verdict.GONE, f"There is no server called {host[:80]}.")
    return found


def is_public(address: Address) -> bool:
    """Whether an address, and any that is wrapped into it, belongs to the public internet."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return is_public(inner)
        if address.is_site_local:
            return False
    if any(address.version == network.version and address in network for network in HOSTS_OWN):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True)
class Network:
    """How names become addresses, and which of those may be connected to. The defaults are the real ones."""

    resolve: Callable[[str], list[str]] = look_up
    allow: Callable[[Address], bool] = is_public


INTERNET = Network()


def follow(url: str, *, network: Network = INTERNET, seconds: float = TOTAL_SECONDS) -> Answer:
    """Ask for a page and say how it was found. Never raises for what a link may hold or a server may do."""
    attempt = _Attempt(network, time.monotonic() + seconds)
    try:
        return attempt.follow(url)
    except _Found as found:
        return found.answer


class _Attempt:
    """One link, with its redirects, before one deadline."""

    def __init__(self, network: Network, deadline: float) -> None:
        self.network = network
        self.deadline = deadline

    def follow(self, url: str) -> Answer:
        moved, for_good = "", True  # moved: as far as every redirect was a permanent one
        for _ in range(MAX_REDIRECTS + 1):
            status, location = self._ask("HEAD", url)
            if status in NOT_FOR_HEAD:
                status, location = self._ask("GET", url)
            if status not in REDIRECTS or not location:
                return _judge(status, moved)
            try:
                url = urldefrag(urljoin(url, location))[0]
            except ValueError:
                raise _Found(Verdict.TROUBLE, "It leads on to an address that is none.") from None
            for_good = for_good and status in PERMANENT
            moved = url[:2000] if for_good else moved
        return Answer(Verdict.TROUBLE, status, problem=f"It leads on more than {MAX_REDIRECTS} times.")

    def _ask(self, method: str, url: str) -> tuple[int, str]:
        parts, port = _parts(url)
        address = self._judged(parts.hostname or "")
        connection = _Pinned(parts.hostname or "", port, address, secure=parts.scheme == "https")
        # A server that sends one byte a second never runs into a socket's time limit: this ends it.
        watch = threading.Timer(self._left(), connection.cut)
        watch.daemon = True
        watch.start()
        try:
            connection.timeout = min(CONNECT_SECONDS, self._left())
            connection.connect()
            connection.give(self._left())
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            agent = f"i-HOP link checker (+{settings.SITE_URL})"
            headers = {"User-Agent": agent, "Accept": "*/*", "Connection": "close"}
            connection.request(method, iri_to_uri(target), headers=headers)
            response = connection.getresponse()
            if method == "GET":
                response.read(MAX_BYTES)
            return response.status, response.getheader("Location") or ""
        except ConnectionRefusedError:
            raise _Found(Verdict.GONE, "Its server refuses every connection.") from None
        except ssl.SSLError:
            raise _Found(Verdict.TROUBLE, "Its certificate is not valid, so browsers warn of it.") from None
        except (OSError, http.client.HTTPException, ValueError):
            late = time.monotonic() >= self.deadline
            raise _Found(
                Verdict.TROUBLE, "Its server did not answer in time." if late else "Its server did not answer."
            ) from None
        finally:
            watch.cancel()
            connection.close()

    def _judged(self, host: str) -> str:
        """The address to connect to. All that a name has must be allowed: a mixed answer is a trick."""
        try:
            addresses = [ip_address(host)]
        except ValueError:
            addresses = [ip_address(found) for found in self.network.resolve(host)]
        if not all(self.network.allow(address) for address in addresses):
            raise _Found(Verdict.GONE, "It leads to a private address, which readers cannot open.")
        self._left()
        return str(addresses[0])

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise _Found(Verdict.TROUBLE, "Its server did not answer in time.")
        return left


def _parts(url: str) -> tuple[SplitResult, int]:
    """Take an address apart, its host in the form that goes over the wire."""
    try:
        if UNFIT.search(url):
            raise ValueError
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (
            (parts.hostname or "").encode("idna").decode() if not (parts.hostname or "").isascii() else parts.hostname
        )
        if parts.scheme not in {"http", "https"} or not host:
            raise ValueError
        # Whatever stands before an @ is a password: it is not ours to send.
        return parts._replace(netloc=f"[{host}]" if ":" in host else host), port
    except ValueError:
        raise _Found(Verdict.GONE, "It is no web address: it must begin with https:// or http://.") from None


def _judge(status: int, moved: str) -> Answer:
    if status < 400:
        return Answer(Verdict.WORKS, status, moved)
    if status in {404, 410}:
        return Answer(Verdict.GONE, status, problem=f"There is no such page any more ({status}).")
    if status >= 500:
        return Answer(Verdict.TROUBLE, status, problem=f"Its server is in trouble ({status}).")
    return Answer(Verdict.SILENT, status, problem=f"Its server does not let programs look ({status}).")


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever the name says by now. It knows no proxy, no cookie and no redirect."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port)
        self.default_port = 443 if secure else 80  # leaves it out of the Host header
        self._address = address
        self._secure = secure

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=self.timeout)
        self.sock = plain
        if self._secure:
            self.sock = _tls().wrap_socket(plain, server_hostname=self.host)

    def give(self, seconds: float) -> None:
        """The time that one wait may take from here on."""
        self.sock.settimeout(seconds)

    def cut(self) -> None:
        sock: Any = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
