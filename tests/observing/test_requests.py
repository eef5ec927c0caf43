"""Every request has an id, which its answer, its line in the log and its tasks carry."""

import logging

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.observing import counters
from config.observing.correlation import current
from config.observing.requests import RequestLog
from tests.factories import entry

pytestmark = pytest.mark.django_db
TOKEN = "Zk3-9_aQxW7tLmP0cVbN2rYs"  # pragma: allowlist secret


def test_every_answer_carries_an_id(client):
    first, second = (client.get("/no-such-page/")["X-Request-ID"] for _ in range(2))
    assert len(first) == 32
    assert first != second


def test_the_id_of_a_proxy_is_kept(client):
    given = "0b0e4f7e-0f0c-4c3c-9d0f-7f1d7a4c2b11"
    assert client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "jo@example.org", "a" * 20 + "\r\nSet-Cookie: x", "ä" * 20])
def test_an_id_that_is_not_well_formed_is_replaced(given):
    request = RequestFactory().get("/", headers={"X-Request-ID": given})
    answer = RequestLog(lambda request: HttpResponse())(request)["X-Request-ID"]
    assert answer != given
    assert len(answer) == 32


def test_the_id_holds_inside_and_is_gone_afterwards():
    seen = []
    middleware = RequestLog(lambda request: seen.append(current.get().request_id) or HttpResponse())
    answer = middleware(RequestFactory().get("/"))
    assert seen == [answer["X-Request-ID"]]
    assert current.get().request_id == ""


def test_the_id_is_gone_also_after_an_error():
    def fail(request):
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        RequestLog(fail)(RequestFactory().get("/"))
    assert current.get().request_id == ""


def lines(caplog):
    return [(one.levelno, one.getMessage()) for one in caplog.records if one.name == "ihop.requests"]


def test_one_line_says_what_was_asked_without_query(client, caplog):
    caplog.set_level(logging.INFO, "ihop.requests")
    client.get(entry().url + "?q=father+in+prison")
    (line,) = lines(caplog)
    assert line[0] == logging.INFO
    assert line[1].startswith("GET /directory/")
    assert line[1].endswith("/ 200")


@pytest.mark.parametrize("address", ["/e-news/u/{}/", "/e-news/u/{}", "/e-news/p/{}/", "/l/{}/1", "/o/{}.gif"])
@pytest.mark.parametrize("token", [TOKEN, "short"])
def test_no_token_stands_in_the_line(client, caplog, address, token):
    caplog.set_level(logging.DEBUG)
    client.get(address.format(token))
    assert lines(caplog)
    assert token not in "".join(one.getMessage() for one in caplog.records if one.name.startswith("ihop"))


def test_clicks_and_pixels_have_no_line_unless_asked_for(client, caplog):
    caplog.set_level(logging.INFO)
    client.get(f"/l/{TOKEN}/1")
    client.get(f"/o/{TOKEN}.gif")
    assert lines(caplog) == []


def test_an_error_of_ours_has_a_line_even_where_it_is_quiet(caplog):
    caplog.set_level(logging.WARNING)
    RequestLog(lambda request: HttpResponse(status=503))(RequestFactory().get(f"/l/{TOKEN}/1"))
    assert lines(caplog) == [(logging.WARNING, "GET /l/[token]/1 503")]


def counted(name, **labels):
    return sum(
        sample.value
        for family in counters.families()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_requests_are_counted_by_area_and_never_by_path(client):
    labels = {"area": "click", "method": "GET", "status": "4xx"}
    before = counted("ihop_http_requests_total", **labels)
    client.get(f"/l/{TOKEN}/1")
    client.get("/l/another-Token-of-somebody/1")
    assert counted("ihop_http_requests_total", **labels) == before + 2
    assert counted("ihop_http_seconds_count", area="click") >= 2


def test_strangers_cannot_add_labels(client):
    def known():
        return {tuple(sample.labels.values()) for family in counters.families() for sample in family.samples}

    client.generic("GET", "/nowhere/")
    client.generic("BREW", "/nowhere/")
    before = known()
    for number in range(5):
        client.get(f"/made-up-{number}/")
        client.generic(f"BREW{number}", f"/nowhere/{number}/")
    assert known() == before
