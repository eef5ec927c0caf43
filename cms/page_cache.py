"""Pages that anybody may read, kept for a minute for visitors of whom we know nothing (ADR 31).

What is kept: what Wagtail serves to a GET without a session, answered with 200. Such an answer depends on nothing but
its address. Who is logged in, has passed a password or is told something brings a cookie, and gets a page of their own.
"""

import hashlib
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import caches
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils.cache import patch_vary_headers

GENERATION = "pages:generation"  # the key of a name that is part of every page's key: a new name forgets all
LARGEST = 100_000  # bytes of one page
MOST = 1_000  # pages that are kept in one minute: no number of made-up addresses fills the memory
# What stands in a kept page where each answer has something of its own: the nonce, and the token of a form.
NONCE = b"\x00nonce\x00"
TOKEN = b'name="csrfmiddlewaretoken" value="%s"'
ANY_TOKEN = re.compile(TOKEN % rb"[A-Za-z0-9]+")
NO_TOKEN = TOKEN % b""


class PageCache:
    """The innermost middleware: what it answers passes through all others, as if it had just been made."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        key = getattr(request, "to_be_kept_as", None)
        if key and _may_be_kept(request, response) and _has_room():
            caches["pages"].set(key, _packed(request, response), settings.PAGE_CACHE_SECONDS)
        return response

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer with what is kept; otherwise let the view answer, and note under which key that may be kept."""
        if not settings.PAGE_CACHE_SECONDS or not _is_anybodys(request):
            return None
        generation = caches["pages"].get_or_set(GENERATION, _new_name, None)
        release = getattr(staticfiles_storage, "manifest_hash", "")  # pages name their style sheets by content
        address = f"{generation} {release} {request.build_absolute_uri()}"
        key = f"pages:{hashlib.sha256(address.encode()).hexdigest()}"
        kept = caches["pages"].get(key)
        if kept is None:
            request.to_be_kept_as = key
            return None
        return _unpacked(request, kept)


def forget_pages(**kwargs: Any) -> None:
    """Have every page made anew from now on; inside a transaction, once it has ended."""
    if settings.PAGE_CACHE_SECONDS:
        transaction.on_commit(_forget)


def _forget() -> None:
    store: Any = caches["pages"]
    if hasattr(store, "wake"):  # what is to be forgotten may be private: do not wait for the end of a rest
        store.wake()
    store.set(GENERATION, _new_name(), None)


def _is_anybodys(request: Any) -> bool:
    return (
        request.method == "GET"
        and request.resolver_match.url_name == "wagtail_serve"
        and not request.COOKIES.keys() - {settings.CSRF_COOKIE_NAME}  # that one tells nobody apart
        and not request.META.get("HTTP_AUTHORIZATION")
        and not getattr(request, "htmx", False)  # gets a part of the page, and is told an address
    )


def _may_be_kept(request: Any, response: HttpResponse) -> bool:
    return (
        response.status_code == 200
        and not response.streaming
        and not response.cookies
        and not request.session.modified  # its cookie is set further out
        and "private" not in response.get("Cache-Control", "")
        and len(response.content) <= LARGEST
    )


def _has_room() -> bool:
    minute = f"pages:kept:{int(time.time() // 60)}"
    caches["pages"].add(minute, 0, 120)
    try:
        return bool(caches["pages"].incr(minute) <= MOST)
    except ValueError:  # gone meanwhile, or Redis is away
        return False


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
