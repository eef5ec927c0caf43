"""SMTP under TLS, the certificate checked."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from newsletter.transports.base import Result, TransportUnavailable
from tests.newsletter.transports.smtp import SmtpTransportTo, accepted_deliveries, letters, outcome_of
from tests.servers.smtp import SmtpServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a function that makes a self-signed certificate with its key, as one file."""

    def make(address):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = tmp_path_factory.mktemp("tls") / "mail.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        return file

    return make


@pytest.fixture(scope="module")
def own(certificate):
    return certificate("127.0.0.1")


def speaking(file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


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
