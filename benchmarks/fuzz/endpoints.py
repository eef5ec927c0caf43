"""Every address of the URL conf, with a strategy for paths that match it, and for such as nearly do."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

# Where nobody without a login comes: asked too, but rarely, for there are three hundred of them.
BEHIND_LOGIN = "admin/"
SPECIMENS = {  # what converters take, besides whatever hypothesis thinks of
    "int": ["0", "1", "2", "7", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "9" * 40],
    "slug": ["mailgun", "postmark", "amazon_ses", "sendgrid", "a", "-", "_", "x" * 300],
    "str": ["x", "service", "event", "health", "2026-10", "0000-00", "%00", "é", "x" * 300, "..", "None", "1"],
    "path": ["x", "images/x.png", "../../etc/passwd", "a/../b", "%00", "original_images/", "x" * 300],
    "uuid": ["00000000-0000-0000-0000-000000000000"],
}
PART = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")
Paths = st.SearchStrategy[str]


@dataclass(frozen=True)
class Endpoint:
    """One pattern of the URL conf; `paths` draws percent-encoded paths."""

    route: str
    paths: Paths

    @property
    def is_behind_login(self) -> bool:
        return self.route.startswith(BEHIND_LOGIN)


def endpoints(known: Sequence[str] = ()) -> list[Endpoint]:
    """Every pattern, and the probes, which a middleware answers before any pattern is asked.

    `known` are words that exist in the database, such as slugs, to come past the first look-up.
    """
    from django.urls import get_resolver

    from config.observing.probes import VIEWS

    words = list(dict.fromkeys(known))
    probes = [[address.removeprefix("/")] for address in VIEWS]
    patterns = [*_patterns(get_resolver().url_patterns, []), *probes]
    return [Endpoint(_route(parts), _paths(parts, words)) for parts in patterns]


def _route(parts: Sequence[Any]) -> str:
    """As a resolved address says it."""
    route = ""
    for part in parts:
        route += str(part).removeprefix("^") if route else str(part)
    return route


def _patterns(patterns: Sequence[Any], before: list[Any]) -> Iterator[list[Any]]:
    for one in patterns:
        parts = [*before, one.pattern]
        if hasattr(one, "url_patterns"):
            yield from _patterns(one.url_patterns, parts)
        else:
            yield parts


def _paths(parts: Sequence[Any], known: list[str]) -> Paths:
    exact = st.tuples(*(_part(part, known) for part in parts)).map(lambda found: "/" + "".join(found))
    nearly = st.tuples(exact, st.sampled_from(["", "/", "//", "%00", "%ff", ".", ";a=b", "%2e%2e/", "\u202e"])).map(
        "".join
    )
    return st.one_of(exact, exact, exact, nearly).map(lambda path: quote(path, safe="/%:@;=!$&'()*+,~"))


def _part(pattern: Any, known: list[str]) -> Paths:
    from django.urls.resolvers import RegexPattern

    if isinstance(pattern, RegexPattern):
        return _regex(str(pattern), known)
    pieces: list[Paths] = []
    at = 0
    for found in PART.finditer(str(pattern)):
        pieces += [st.just(str(pattern)[at : found.start()]), _value(found["converter"] or "str", known)]
        at = found.end()
    return st.tuples(*pieces, st.just(str(pattern)[at:])).map("".join)


def _value(converter: str, known: list[str]) -> Paths:
    specimens = st.sampled_from(SPECIMENS.get(converter, SPECIMENS["str"]))
    anything = st.text(min_size=1, max_size=40).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))
    if converter == "int":
        return st.one_of(specimens, st.integers(0, 10**6).map(str))
    return st.one_of(specimens, *([st.sampled_from(known)] if known else []), anything)


def _regex(pattern: str, known: list[str]) -> Paths:
    """What matches a regular expression; and with words that exist in the place of its groups."""
    bare = pattern.removeprefix("^").removesuffix("$").removesuffix("\\Z")
    matching = st.from_regex(re.compile(f"\\A{bare}\\Z", re.ASCII), fullmatch=True).map(lambda text: quote(text))
    group = re.compile(r"\((?:\?P<\w+>|\?:)?(?:[^()]|\([^()]*\))*\)[?*+]?")
    if not known or not group.search(bare):
        return matching
    plain = re.sub(r"\\(.)", r"\1", re.sub(r"/\?$", "", group.sub("\0", bare)))
    filled = st.lists(_value("str", known), min_size=plain.count("\0"), max_size=plain.count("\0")).map(
        lambda values: _filled(plain, values)
    )
    return st.one_of(matching, filled)


def _filled(plain: str, values: Sequence[str]) -> str:
    pieces = plain.split("\0")
    return "".join(piece + value for piece, value in zip(pieces, [*values, ""], strict=True))
