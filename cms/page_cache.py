"""Pages that anybody may read, kept for a minute for visitors of whom we know nothing (ADR 31).

What is kept: what Wagtail serves to a GET without a session, answered with 200. Such an answer depends on nothing but
its address. Who is logged in, has passed a password or is told something brings a cookie, and gets a page of their own.
"""

import hashlib
import re
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils.cache import patch_vary_headers
from wagtail.contrib.redirects.models import Redirect
from wagtail.models import Page, PageViewRestriction, Site
from wagtail.signals import page_unpublished, post_page_move

from cms.models.taxonomies import Term

GENERATION = "pages:generation"  # the key of a name that is part of every page's key: a new name forgets all
LARGEST = 300_000  # bytes
# What stands in a kept page where each answer has something of its own: the nonce, and the token of a form.
NONCE = b"\x00nonce\x00"
TOKEN = b'name="csrfmiddlewaretoken" value="%s"'
ANY_TOKEN = re.compile(TOKEN % rb"[A-Za-z0-9]+")
NO_TOKEN = TOKEN % b""
SHOWN: tuple[type, ...] = (Page, Term, PageViewRestriction, Site, Redirect)  # what pages are made of


class PageCache:
    """The innermost middleware: what it answers passes through all others, as if it had just been made."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        key = getattr(request, "to_be_kept_as", None)
        if key and _may_be_kept(request, response):
            cache.set(key, _packed(request, response), settings.PAGE_CACHE_SECONDS)
        return response

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer with what is kept; otherwise let the view answer, and note under which key that may be kept."""
        if not settings.PAGE_CACHE_SECONDS or not _is_anybodys(request):
            return None
        address = f"{cache.get_or_set(GENERATION, _new_name, None)} {request.build_absolute_uri()}"
        key = f"pages:{hashlib.sha256(address.encode()).hexdigest()}"
        kept = cache.get(key)
        if kept is None:
            request.to_be_kept_as = key
            return None
        return _unpacked(request, kept)


def forget_pages(**kwargs: Any) -> None:
    """Have every page made anew from now on; inside a transaction, once it has ended."""
    if settings.PAGE_CACHE_SECONDS:
        transaction.on_commit(lambda: cache.set(GENERATION, _new_name(), None))


def forget_when_shown(instance: Any, **kwargs: Any) -> None:
    if isinstance(instance, SHOWN):
        forget_pages()


for signal in (post_save, post_delete):
    signal.connect(forget_when_shown)
for signal in (page_unpublished, post_page_move):  # in bulk these are written without a save
    signal.connect(forget_pages)


def _is_anybodys(request: Any) -> bool:
    return (
        request.method == "GET"
        and request.resolver_match.url_name == "wagtail_serve"
        and not request.COOKIES.keys() - {settings.CSRF_COOKIE_NAME}  # that one tells nobody apart
        and not request.META.get("HTTP_AUTHORIZATION")
        and not getattr(request, "htmx", False)  # gets a part of the page, and is told an address
    )


def _may_be_kept(request: HttpRequest, response: HttpResponse) -> bool:
    return (
        response.status_code == 200
        and not response.streaming
        and not response.cookies
        and "private" not in response.get("Cache-Control", "")
        and len(response.content) <= LARGEST
    )


def _packed(request: Any, response: HttpResponse) -> tuple[bytes, dict[str, str]]:
    content, nonce = ANY_TOKEN.sub(NO_TOKEN, response.content), getattr(request, "csp_nonce", None)
    if nonce:  # false until a template has read it
        content = content.replace(str(nonce).encode(), NONCE)
    return content, dict(response.items())


def _unpacked(request: Any, kept: tuple[bytes, dict[str, str]]) -> HttpResponse:
    content, headers = kept
    if NONCE in content:
        content = content.replace(NONCE, str(request.csp_nonce).encode())
    if NO_TOKEN in content:
        content = content.replace(NO_TOKEN, TOKEN % get_token(request).encode())
    response = HttpResponse(content, headers=headers)
    patch_vary_headers(response, ["Cookie"])
    return response


def _new_name() -> str:
    return uuid.uuid4().hex
