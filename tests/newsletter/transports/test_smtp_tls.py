"""SMTP under TLS, the certificate checked."""

import pytest

from newsletter.transports.base import Result, TransportUnavailable
from tests.newsletter.transports.smtp import SmtpTransportTo, accepted_deliveries, letters, outcome_of
from tests.servers.smtp import SmtpServer
from tests.servers.tls import self_signed, speaking


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return lambda address: self_signed(address, tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def own(certificate):
    return certificate("127.0.0.1")


@pytest.fixture(params=["STARTTLS", "implicit"])
def how(request):
    """How the server wants TLS, and what asks the transport for the same."""
    implicit = request.param == "implicit"
    return {"implicit": implicit}, {"use_ssl": implicit, "use_tls": not implicit}


@pytest.mark.parametrize("extension", ["PIPELINING", "8BITMIME"])
def test_a_trusted_server_gets_the_mail_encrypted(how, own, extension, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    server_way, our_way = how
    with SmtpServer(extension, "AUTH PLAIN", tls=speaking(own), **server_way) as server:
        login = {"user": "news", "password": "pass", "connections": 3}
        with SmtpTransportTo(server.port, timeout=5, **our_way, **login) as transport:
            transport.check()
            # Nothing is said before the handshake that anybody may not read; what was offered then is asked again.
            assert server.verbs() == [*([] if server.implicit else ["EHLO", "STARTTLS"]), "EHLO", "AUTH"]
            assert {one.result for one in transport.send(letters(9))} == {Result.SENT}
        assert sorted(accepted_deliveries(server)) == list(range(9))
        assert server.connections == 3


def test_a_certificate_nobody_signed_is_not_trusted(how, own):
    server_way, our_way = how
    with (
        SmtpServer(tls=speaking(own), **server_way) as server,
        SmtpTransportTo(server.port, timeout=5, **our_way) as transport,
        pytest.raises(TransportUnavailable, match=r"cannot be trusted \(TLS\): check its certificate"),
    ):
        outcome_of(transport)
    assert "MAIL" not in server.verbs()


def test_a_certificate_of_another_server_is_not_trusted(how, certificate, monkeypatch):
    other = certificate("127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    server_way, our_way = how
    with (
        SmtpServer(tls=speaking(other), **server_way) as server,
        SmtpTransportTo(server.port, timeout=5, **our_way) as transport,
        pytest.raises(TransportUnavailable, match=r"cannot be trusted \(TLS\)"),
    ):
        transport.check()
    assert "MAIL" not in server.verbs()


def test_a_server_that_will_not_start_tls_now_takes_nothing(own):
    with SmtpServer(tls=speaking(own)) as server, SmtpTransportTo(server.port, use_tls=True) as transport:
        server.on("STARTTLS", "454 4.7.0 not now")
        with pytest.raises(TransportUnavailable, match=r"takes no mail at present \(454\)"):
            outcome_of(transport)
        assert server.verbs() == ["EHLO", "STARTTLS"]
