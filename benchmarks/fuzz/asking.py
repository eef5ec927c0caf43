"""Requests as hypothesis makes them: methods, paths, query strings, headers and bodies, sound ones and all others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from hypothesis import strategies as st

from benchmarks.fuzz.endpoints import Endpoint

METHODS = [
    *["GET"] * 6,
    *["POST"] * 5,
    *("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X-É"),
]
# What has broken somebody's program once.
NASTY = [
    *("", " ", "0", "-1", "1", "2", "9" * 30, "1e309", "NaN", "-0", "01", "1.5", "٣", "²", "true", "null", "None"),
    *("\0", "a\0b", "\r\nX: y", "\ud800", "\u202e", "\ufeff", "\x1f", "é", "ß", "İ", "👩", "x" * 5000, "%", "%%", "%s"),
    *("'", '"', "\\", "';--", "<script>", "{{ 7*7 }}", "{% include %}", "../../etc/passwd", "//evil.example.org"),
    *("0000-00-00", "9999-12-31", "2026-02-30", "2026-10", "2026-10-25T01:30:00", "10000-01-01", "24:00", "a@b"),
    *("(" * 200, "a AND", '"a', "a | b & !", "service", "event", "health", "north-east", "https://example.org/"),
    *("a@example.org", "mailto:x", "javascript:1", "[]", "_"),
]
NAMES = [
    *("q", "page", "per_page", "kind", "sector", "topic", "region", "age", "reader", "limit", "offset", "text", "next"),
    *("taxonomy_id", "taxonomy_term_id", "modified_after", "minimum_age", "format", "order", "fields", "password"),
    *("csrfmiddlewaretoken", "List-Unsubscribe", "from", "until", "width", "part", "token", "code", "login", "email"),
]
HEADERS = {
    "Accept": ["*/*", "application/json", "text/html;q=0.9,*/*;q=x", ",;=", "\u00ff", "text/" + "x" * 3000],
    "Accept-Language": ["en", "ar", "x" * 600, "en;q=nan", "*", "en-" * 200],
    "Accept-Encoding": ["gzip", "identity;q=0", "br, *;q=0"],
    "If-None-Match": ["*", '"', 'W/"x"', '"a", "b"', "x" * 500, "\u00e9"],
    "If-Modified-Since": ["Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999 99:99:99 GMT", "0", "x"],
    "If-Match": ["*", '"x"', ","],
    "If-Unmodified-Since": ["Thu, 01 Jan 1970 00:00:00 GMT", "x"],
    "Range": ["bytes=0-0", "bytes=9-1", "bytes=-", "items=1", "bytes=0-0,1-1,-1"],
    "Host": ["localhost", "evil.example.org", "localhost:99999", "[::1", "a b", "", "localhost:x", "\u00e9"],
    "X-Forwarded-For": ["1.2.3.4", "x", "1.2.3.4, 5.6.7.8", "::1", "," * 50, "999.999.999.999", "\u00e9"],
    "X-Forwarded-Proto": ["http", "https", "x"],
    "X-Forwarded-Host": ["evil.example.org", "a b"],
    "Referer": ["https://evil.example.org/", "x", "https://localhost/join/", "http://[", "\u00e9"],
    "Origin": ["null", "https://evil.example.org", "http://["],
    "Cookie": [
        *(
            "sessionid=x",
            "sessionid=" + "x" * 4000,
            "csrftoken=x",
            "messages=x",
            'messages="W1tdXQ:x:y"',
            "=;=",
            "\u00e9=\u00ff",
        ),
        *("django_language=../x", "sessionid=\0", "wagtail=1; wagtail=2", "messages=%00"),
    ],
    "Authorization": ["Basic", "Basic !", "Basic eDp5", "Bearer x", "Basic /////w==", "\u00e9"],
    "User-Agent": ["", "curl/8", "x" * 3000, "\u00e9", "Googlebot"],
    "HX-Request": ["true", "x"],
    "HX-Current-URL": ["http://[", "https://localhost/directory/?q=x", "%"],
    "HX-Target": ["x", "\u00e9"],
    "HX-Trigger": ["x"],
    "X-Requested-With": ["XMLHttpRequest"],
    "X-Amz-Sns-Message-Type": ["Notification", "SubscriptionConfirmation", "x"],
    "Svix-Id": ["x"],
    "Content-Length": ["0", "-1", "x", "99999999999", "5"],
}
FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"
TYPES = [
    *(FORM, f"{FORM}; charset=utf-16", PARTS, f"{PARTS}; boundary=", f"{PARTS}; boundary=x", f"{PARTS}; boundary=é"),
    *(
        "application/json",
        "application/json; charset=none",
        "text/html; charset=utf-8; charset=x",
        "text/plain",
        "",
        "x",
    ),
]
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(max_size=30), st.integers().map(str), st.dates().map(str))


@dataclass(frozen=True)
class Asking:
    """A request, ready to be made. `member` says whether somebody logged in makes it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content_type: str
    body: bytes
    member: bool

    def __str__(self) -> str:
        words = f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")
        more = {
            "headers": dict(self.headers),
            "type": self.content_type,
            "body": self.body[:300],
            "member": self.member,
        }
        return f"{words} { ({name: value for name, value in more.items() if value}) }"


def askings(endpoint: Endpoint, names: Sequence[str] = ()) -> st.SearchStrategy[Asking]:
    """Requests to one endpoint. `names`: of the fields that its forms have."""
    fields = st.sampled_from([*names, *names, *NAMES]) if names else st.sampled_from(NAMES)
    pairs = st.lists(st.tuples(st.one_of(fields, fields, fields, TEXTS), TEXTS), max_size=6)
    query = st.one_of(
        st.just(""), pairs.map(_encoded), st.sampled_from(["&&&", "=", "%ff", "a=%zz", "%00=%00", "a" * 3000])
    )
    chosen = st.lists(st.sampled_from(sorted(HEADERS)), max_size=3, unique=True)
    headers = chosen.flatmap(
        lambda some: st.fixed_dictionaries({name: st.sampled_from(HEADERS[name]) for name in some})
    )
    return st.builds(
        _asking,
        method=st.sampled_from(METHODS),
        path=endpoint.paths,
        query=query,
        headers=headers,
        body=st.one_of(
            pairs.map(lambda found: ("application/x-www-form-urlencoded", _encoded(found).encode())),
            pairs.map(_multipart),
            st.tuples(st.just("application/json"), _json()),
            st.tuples(st.sampled_from(TYPES), st.one_of(st.binary(max_size=200), pairs.map(_encoded).map(str.encode))),
        ),
        member=st.booleans(),
    )


def _asking(body: tuple[str, bytes], method: str, **more: Any) -> Asking:
    return Asking(method=method, content_type=body[0], body=b"" if method in {"GET", "HEAD"} else body[1], **more)


def _json() -> st.SearchStrategy[bytes]:
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(NASTY)
    )
    values = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["event", "event-data", "signature", "Type", "id", "x"]), inner, max_size=4
            ),
        ),
        max_leaves=6,
    )
    deep = st.sampled_from([b"[" * 5000, b'{"a":' * 3000, b"\xff\xfe", b"nul", b'"\\ud800"', b"1e999", b"9" * 5000])
    return st.one_of(values.map(lambda value: json.dumps(value).encode()), deep)


def _encoded(pairs: Sequence[tuple[str, str]]) -> str:
    plain = [(name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")) for name, value in pairs]
    return urlencode(plain, quote_via=quote_plus)


def _multipart(pairs: Sequence[tuple[str, str]]) -> tuple[str, bytes]:
    """Fields, each second one as a file that is not what it says."""
    parts = []
    for place, (name, value) in enumerate(pairs):
        file = '; filename="x.pdf"\r\nContent-Type: application/pdf' if place % 2 else ""
        head = f'--fuzz\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(f"{head}{value}\r\n".encode("utf-8", "surrogatepass"))
    return "multipart/form-data; boundary=fuzz", b"".join([*parts, b"--fuzz--\r\n"])
