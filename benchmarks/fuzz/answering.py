"""One process that asks the service what hypothesis makes up, through WSGI and without a socket between.

Each request is one transaction that is taken back, so that the thousandth meets what the first did. What would happen
on its commit is done all the same.
"""

import json
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.fuzz.asking import Asking, askings
from benchmarks.fuzz.endpoints import Endpoint, endpoints

RARELY = 0.03  # of what another address gets, for one behind a login
HOST = "localhost"
FIELD = re.compile(r"""<(?:input|select|textarea|button)[^>]*\sname=["']([^"']{1,60})["']""")
FORGET_EVERY = 40  # requests after which rate limits are forgotten: they would answer for the code behind them


@dataclass
class Book:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)  # the request, by where the program broke

    def note(self, asking: Asking, status: int, seconds: float, trouble: str) -> None:
        self.statuses[status] += 1
        self.slowest = nlargest(5, [*self.slowest, (round(seconds, 3), str(asking)[:200])])
        if status >= 500:
            key = trouble or f"status {status}"
            known = self.failures.get(key)
            if known is None or len(str(asking)) < len(known):
                self.failures[key] = str(asking)


class Answerer:
    """The service, asked directly."""

    def __init__(self) -> None:
        from django.core.handlers.wsgi import WSGIHandler
        from django.core.signals import got_request_exception, request_finished, request_started
        from django.db import close_old_connections

        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)  # they would close one in the middle of our transaction

        class Handler(WSGIHandler):
            def get_response(self, request: Any) -> Any:
                request._dont_enforce_csrf_checks = True  # what is posted must come further than that
                return super().get_response(request)

        self.application = Handler()
        self.trouble = ""
        self.asked = 0
        self.cookie = _logged_in()
        got_request_exception.connect(self._note, weak=False)

    def ask(self, asking: Asking) -> tuple[int, str, bytes]:
        """Make a request. Returns its status, where the program broke if it did, and the beginning of the answer."""
        from django.core.cache import cache
        from django.db import connection, transaction

        self.asked, self.trouble = self.asked + 1, ""
        if self.asked % FORGET_EVERY == 0:
            cache.clear()
        said: list[str] = []

        def start_response(status: str, headers: Any, error: Any = None) -> Any:
            said.append(status)
            return said.append

        with transaction.atomic():
            answer: Any = ()
            try:
                answer = self.application(_environment(asking, self.cookie), start_response)
                content = b"".join(answer)
                self._commit(connection)
            except Exception:
                self._note()
                return 599, self.trouble, b""
            finally:
                getattr(answer, "close", lambda: None)()
                transaction.set_rollback(True)
        return int(said[0].split()[0]), self.trouble, content

    def _commit(self, connection: Any) -> None:
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _, act, robust in waiting:
            try:
                act()
            except Exception:
                if not robust:
                    raise

    def _note(self, **signal: Any) -> None:
        kind, error, trace = sys.exc_info()
        frames = traceback.extract_tb(trace)
        ours = [one for one in frames if "site-packages" not in one.filename and "benchmarks" not in one.filename]
        telling = reversed([*ours[-2:], *frames[-1:]])
        where = " <- ".join(f"{one.filename.rsplit('/', 2)[-1]}:{one.lineno}" for one in telling)
        self.trouble = f"{kind.__name__ if kind else ''}: {str(error)[:150]} ({where})"


def main(*, process: int, processes: int, requests: int, first_seed: int, only: str) -> None:
    """Ask this process's share of the addresses, and print what came back as one line of JSON."""
    import django

    django.setup()
    answerer, book = Answerer(), Book()
    every = endpoints(_known_words())
    chosen = [one for one in every if one.route == only] if only else every
    weights = {one.route: RARELY if one.is_behind_login and not only else 1.0 for one in chosen}
    total = sum(weights[one.route] for one in chosen)
    for place, endpoint in enumerate(chosen):
        if place % processes == process:
            count = max(1, -(-int(requests * weights[endpoint.route]) // max(1, int(total))))
            ask_often(answerer, book, endpoint, count=count, number=first_seed)
    print(
        json.dumps(
            {
                "requests": book.statuses.total(),
                "statuses": book.statuses,
                "slowest": book.slowest,
                "failures": book.failures,
                "addresses": len({one.route for one in chosen}),
            }
        )
    )


def ask_often(answerer: Answerer, book: Book, endpoint: Endpoint, *, count: int, number: int) -> None:
    """Ask an address so many times, and write down what came back. The same `number` asks the same."""
    names = _field_names(answerer, endpoint)

    # The generating phase alone: what breaks is written down, and the next is asked.
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seed(number)
    @given(askings(endpoint, names))
    def ask(asking: Asking) -> None:
        began = time.perf_counter()
        status, trouble, _ = answerer.ask(asking)
        book.note(asking, status, time.perf_counter() - began, trouble)

    ask()


def _field_names(answerer: Answerer, endpoint: Endpoint) -> Sequence[str]:
    """What the fields of its page are called, where it is a page that can be had as it is."""
    if re.search(r"[<(^\\]", endpoint.route):
        return []
    asking = Asking("GET", "/" + endpoint.route, "", {}, "", b"", member=True)
    return sorted(set(FIELD.findall(answerer.ask(asking)[2].decode("utf-8", "replace"))))


def _environment(asking: Asking, cookie: str) -> dict[str, Any]:
    """What a WSGI server makes of the request."""
    environment: dict[str, Any] = {
        "REQUEST_METHOD": asking.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(asking.path).decode("latin-1"),
        "QUERY_STRING": asking.query,
        "CONTENT_TYPE": asking.content_type,
        "CONTENT_LENGTH": str(len(asking.body)),
        "SERVER_NAME": HOST,
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": HOST,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(asking.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in asking.headers.items():
        key = name.upper().replace("-", "_")
        environment[key if key == "CONTENT_LENGTH" else f"HTTP_{key}"] = value
    if asking.member:
        environment["HTTP_COOKIE"] = "; ".join(filter(None, [cookie, environment.get("HTTP_COOKIE", "")]))
    return environment


def _logged_in() -> str:
    """The cookie of a sample member who has just logged in."""
    from django.conf import settings as configured
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from membership.models import Subscription

    user = Subscription.objects.active().order_by("pk")[0].member.user
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = configured.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{configured.SESSION_COOKIE_NAME}={session.session_key}"


def _known_words() -> list[str]:
    """Words that lead past the first look-up: slugs, kinds, a period, ids of records, tokens."""
    from cms.models import Entry, Kind, Sector
    from newsletter.models import Delivery, Issue
    from newsletter.tokens import delivery_token

    words = [*Kind.values, *Sector.objects.values_list("slug", flat=True)[:4], "mailgun", "directory", "e-news"]
    for entry in Entry.objects.live().order_by("pk")[:5]:
        words += [entry.slug, str(entry.translation_key), str(entry.pk), entry.url or ""]
    words += Issue.objects.values_list("period", flat=True)[:2]
    sent = Delivery.objects.filter(state=Delivery.State.SENT).values_list("nonce", flat=True)
    words += [delivery_token(nonce) for nonce in sent[:2]]
    return [word.strip("/") for word in words if word]
