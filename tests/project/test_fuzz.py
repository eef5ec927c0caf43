"""The fuzzer itself: it asks every address, comes to each, and notices when the program breaks. See `make fuzz`."""

from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, get_resolver, path, resolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.answering import Answerer, Book, ask_often
from benchmarks.fuzz.asking import Asking
from benchmarks.fuzz.endpoints import Endpoint, endpoints
from config.observing.probes import VIEWS
from tests import factories

FEW = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def public() -> list[Endpoint]:
    return [one for one in endpoints(["service", "2026-10"]) if not one.is_behind_login]


def count(patterns: Any) -> int:
    return sum(count(one.url_patterns) if hasattr(one, "url_patterns") else 1 for one in patterns)


def test_every_pattern_of_the_url_conf_is_asked():
    asked = [one.route for one in endpoints()]
    assert len(asked) == count(get_resolver().url_patterns) + len(VIEWS)
    assert {"join/", "robots.txt", "e-news/u/<str:token>/", "webhooks/<slug:esp>/tracking/"} <= set(asked)
    assert {"healthz", "readyz", "metrics"} <= set(asked), "a middleware answers these"


def reached(endpoint: Endpoint) -> set[str]:
    """The addresses that some of its paths lead to."""
    found: set[str] = set()

    @FEW
    @given(endpoint.paths)
    def draw(drawn: str) -> None:
        if unquote(drawn) in VIEWS:
            found.add(drawn.removeprefix("/"))
            return
        with suppress(Resolver404):
            found.add(resolve(unquote(drawn)).route)

    draw()
    return found


def test_what_is_asked_comes_to_the_address_it_was_made_for():
    assert [one.route for one in public() if one.route not in reached(one)] == []


def broken(request: HttpRequest) -> HttpResponse:
    """Breaks over what only some requests hold."""
    return HttpResponse(str(sum(int(value) for value in request.GET.values())))


@pytest.fixture
def answerer(db: None, settings: Any) -> Answerer:
    factories.subscription("sam@example.org")
    settings.ROOT_URLCONF = (path("broken/", broken),)
    return Answerer()


def test_a_view_that_breaks_is_noticed_with_its_request(answerer: Answerer):
    book = Book()
    ask_often(answerer, book, Endpoint("broken/", st.just("/broken/")), count=60, number=1)
    (trouble, asked) = next(iter(book.failures.items()))
    assert trouble.startswith("ValueError")
    assert "test_fuzz.py" in trouble
    assert asked.split()[1].startswith("/broken/?")
    again = Book()
    ask_often(answerer, again, Endpoint("broken/", st.just("/broken/")), count=60, number=1)
    assert (again.statuses, again.failures) == (book.statuses, book.failures), "a seed asks the same again"


def test_what_a_request_changed_is_taken_back(answerer: Answerer, settings: Any):
    from membership.models import User

    def leave(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(User.objects.all().delete()[0]))

    settings.ROOT_URLCONF = (path("leave/", leave),)
    status, _, answer = answerer.ask(Asking("POST", "/leave/", "", {}, "", b"", member=True))
    assert (status, answer > b"0") == (200, True)
    assert User.objects.exists()
