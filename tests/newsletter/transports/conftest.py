"""A provider on loopback, and transports that take it for the real one."""

import socket

import pytest

from newsletter.providers import PROVIDERS, provider
from newsletter.transports.anymail import AnymailTransport
from tests.newsletter.transports.replies import KEYS
from tests.newsletter.transports.smtp import SmtpTransportTo
from tests.servers.http import HttpServer, Reply
from tests.servers.smtp import SmtpServer


@pytest.fixture
def provider_server():
    with HttpServer(Reply(500)) as running:
        yield running


@pytest.fixture
def transport_for(provider_server, settings):
    """Return a function that makes the transport of a provider, pointed at the server."""
    opened = []

    def make(name, **more):
        upper = name.upper()
        settings.ANYMAIL = {
            f"{upper}_API_URL": provider_server.url,
            "REQUESTS_TIMEOUT": 0.3,
            **{f"{upper}_{key}": "sesame" for key in KEYS},
            **more,
        }
        opened.append(AnymailTransport(provider(name)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        yield taken.getsockname()[1]


@pytest.fixture
def anymail(settings):
    """Settings that every backend can be set up with."""
    keys = {f"{one.name.upper()}_{key}": "sesame" for one in PROVIDERS.values() for key in (*KEYS, "API_URL")}
    settings.ANYMAIL = keys | {"WEBHOOK_SECRET": "user:password"}
    return settings.ANYMAIL


@pytest.fixture(params=["step by step", "pipelined"])
def server(request):
    """An SMTP server, once without and once with PIPELINING."""
    more = ["PIPELINING"] if request.param == "pipelined" else []
    with SmtpServer("SMTPUTF8", "8BITMIME", "SIZE 10485760", *more) as running:
        yield running


@pytest.fixture
def transport(server):
    """A transport that sends there."""
    with SmtpTransportTo(server.port) as one:
        yield one
