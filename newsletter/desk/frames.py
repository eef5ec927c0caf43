"""A mail as a page of its own within a frame: shut in, and shown as a mailbox with other settings would."""

import re

from django.http import HttpResponse

LIGHT, DARK = "light", "dark"
_DARK_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)
ALWAYS, NEVER = "(min-width: 0)", "(max-width: 0)"
_SOURCES = re.compile(
    r"""(<(?:img|source|td|table|body)\b[^<>]*?)\s(?:src|srcset|background)=(?:"[^"]*"|'[^']*')""", re.IGNORECASE
)
# Scripts are off and the page is of no origin, even when it is opened outside the frame.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
NO_IMAGES = "'none'"
POLICY = f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"


def in_scheme(page: str, scheme: str) -> str:
    """The page as a reader of that colour scheme sees it, whatever the editor's own browser is set to."""
    dark, light = (ALWAYS, NEVER) if scheme == DARK else (NEVER, ALWAYS)
    page = _LIGHT_QUERY.sub(light, _DARK_QUERY.sub(dark, page))
    return _in_head(page, f"<style>:root{{color-scheme:{scheme}!important}}</style>")


def without_images(page: str) -> str:
    """The page as it is until a reader asks for its images: their alternative text stands in their place."""
    while True:
        page, found = _SOURCES.subn(r"\1", page)
        if not found:
            return page


def new_tabs(page: str) -> str:
    """Let links open beside the desk: within the frame they would replace the mail."""
    start = re.search(r"<head\b[^<>]*>", page, re.IGNORECASE)
    place = start.end() if start else 0
    return f'{page[:place]}<base target="_blank">{page[place:]}'


def framed(page: str, *, scheme: str = LIGHT, images: bool = True) -> HttpResponse:
    """The mail as an answer for a sandboxed frame."""
    page = new_tabs(in_scheme(page if images else without_images(page), scheme))
    response = HttpResponse(page)
    response["Content-Security-Policy"] = f"{POLICY}; img-src {'* data:' if images else NO_IMAGES}"
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def _in_head(page: str, what: str) -> str:
    head, end, body = page.partition("</head>")
    return f"{head}{what}{end}{body}" if end else f"{what}{page}"
