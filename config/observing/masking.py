"""Masking: takes out of any text what may stand in no log (quality.md 22).

Addresses, tokens, secrets, visitors' IP addresses, and the values that PostgreSQL prints with an error. It would rather
hide a word too many than show one of these. Works in one pass over the text each; a text is cut at `LONGEST`.
"""

import re
from ipaddress import ip_address, ip_network

ADDRESS, TOKEN, SECRET, IP, LEFT_OUT = "[address]", "[token]", "[secret]", "[ip]", "[left out]"
LONGEST, HEAD = 10_000, 2_000  # characters of a text that are kept, and how many of them from its beginning
READ = 50_000  # characters that are looked at

# “@”, as people, web pages, URLs and programs write it.
AT = re.compile(r"[@＠﹫]|%(?:25)*40|\\u0040|\\x40")
ENTITY = re.compile(r"&#0*64;|&#[xX]0*40;|&commat;")
QUOTED = re.compile(r'"[^"\n]{1,64}"[@＠﹫][^\s<>",;()\[\]]+')
APART = re.compile(r"(?<!\S)\S+[ \t]+[@＠﹫][ \t]*[\w-]+(?:\.[\w-]+)+")
PRINTABLE = re.compile(r"(?<!\w)[\w.+-]{1,64}=40[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")  # quoted-printable
RUN = re.compile(r'[^\s<>",;()\[\]]+')
# Celery's names of processes, and ours.
NODE = re.compile(r"(?:celery|celerybeat|worker|beat)@[\w-]+(?::\d+(?::[0-9a-f]{8})?)?[.:]?")

# Addresses of ours that hold a token, however short it is; a test compares them with the URLs. What links the counted
# clicks of those who did not agree is a period, the same for all (ADR 23).
PATHS = re.compile(
    r"((?:^|/)(?:e-news/[up]|l|o|join/confirm|submit/confirm|still-correct|account/still-here|account/confirm-email"
    r"|account/password/reset/key|password_reset/confirm/[^/\s]+)/)(?!\d{4}-\d\d/)[^/\s?#\"'<>]+"
)
LONG = re.compile(r"[A-Za-z0-9_-]{20,}")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Names in programs and addresses of pages are words between “_” and “-”. That a token of 144 bits looks like this
# happens once in a million.
_WORD = r"(?:[a-z]{1,18}(?:[A-Z][a-z]{2,17})*|[A-Z]{1,18}|[A-Z]{0,5}(?:[A-Z][a-z]{2,17})+|\d{1,4})"
WORDS = re.compile(rf"[_-]*{_WORD}(?:[_-]+{_WORD})*[_-]*")

SECRETS = re.compile(
    r"((?:authorization|cookie|password|passwd|secret|token|api[_-]?key|access[_-]?key|sessionid|signature|dsn)\w*"
    r"[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|digest|token)\s+)?[^\s\"'&,;]+",
    re.IGNORECASE,
)
BEARER = re.compile(r"\b(basic|bearer)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
USERINFO = re.compile(r"(?<=://)[^\s/@\"']+(?=@)")
# PostgreSQL repeats the row that it refuses, up to the end of its message.
DETAIL = re.compile(r"DETAIL: .*?(?=\n\nThe above exception|\n\nDuring handling|\Z)", re.DOTALL)

IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
IPS = re.compile(rf"(?<![\w.:])(?:{IPV4}|(?:[0-9a-fA-F]{{0,4}}:){{2,7}}(?:{IPV4}|[0-9a-fA-F]{{1,4}}))(?!\w)")
# Our own machines; a visitor's address is another.
OURS = [ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128")]


def mask(text: str) -> str:
    """The text without what may not be logged, at most `LONGEST` characters of it and a mark where it was cut."""
    if len(text) > READ:
        text = f"{text[: READ // 2]} … {text[-READ // 2 :]}"
    if "DETAIL: " in text:
        text = DETAIL.sub(f"DETAIL: {LEFT_OUT}", text)
    text = SECRETS.sub(rf"\1{SECRET}", text)
    text = BEARER.sub(rf"\1 {SECRET}", text)
    if "&" in text:
        text = ENTITY.sub("@", text)
    if "=40" in text:
        text = PRINTABLE.sub(ADDRESS, text)
    if AT.search(text):
        text = USERINFO.sub(SECRET, text)
        text = APART.sub(ADDRESS, QUOTED.sub(ADDRESS, text))
        text = RUN.sub(_address, text)
    text = PATHS.sub(rf"\1{TOKEN}", text)
    text = LONG.sub(_token, text)
    text = IPS.sub(_ip, text)
    if len(text) > LONGEST:
        text = f"{text[:HEAD]} … {text[HEAD - LONGEST :]}"
    return text


def _address(match: re.Match[str]) -> str:
    run = match[0]
    at = AT.search(run, 1)  # a decorator begins with one
    return ADDRESS if at and not NODE.fullmatch(run) else run


def _token(match: re.Match[str]) -> str:
    run = match[0]
    return run if UUID.fullmatch(run) or WORDS.fullmatch(run) else TOKEN


def _ip(match: re.Match[str]) -> str:
    try:
        found = ip_address(match[0])
    except ValueError:  # a time of day, or a version
        return match[0]
    return match[0] if any(found in net for net in OURS if net.version == found.version) else IP
