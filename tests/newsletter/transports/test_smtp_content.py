"""SMTP: content that cannot end itself, and addresses beyond ASCII."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.transports.base import Outcome, Result
from newsletter.transports.wire import on_the_wire
from tests.newsletter.transports import Letter, RawLetter
from tests.newsletter.transports.smtp import SmtpTransportTo, outcome_of
from tests.servers.smtp import SmtpServer


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (".\n", b"\r\n..\r\n"),
        ("..a\n.b\n", b"\r\n...a\r\n..b\r\n"),
        ("a\n.\nb\n", b"\r\na\r\n..\r\nb\r\n"),
        ("\n.\n", b"\r\n\r\n..\r\n"),
    ],
)
def test_leading_full_stops_are_doubled(server, transport, text, wire):
    assert outcome_of(transport, RawLetter(text=f"X: y\n\n{text}".replace("\n", "\r\n"))).result == Result.SENT
    assert server.accepted[0].content == b"X: y\r\n" + wire


def test_a_message_may_begin_with_a_full_stop(server, transport):
    assert outcome_of(transport, RawLetter(text=".\r\nHello\r\n")).result == Result.SENT
    assert server.accepted[0].content == b"..\r\nHello\r\n"


@given(pieces=st.lists(st.sampled_from([b".", b"a", b"\r", b"\n", b"\r\n", b"\r\n."]), max_size=12))
def test_whatever_the_content_its_end_is_the_end(pieces):
    wire = on_the_wire(b"".join(pieces))
    *lines, full_stop, nothing = wire.split(b"\r\n")
    assert (full_stop, nothing) == (b".", b"")
    assert not any(b"\r" in line or b"\n" in line or line == b"." for line in lines)
    received = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
    expected = re.sub(rb"\r\n|\r|\n", b"\r\n", b"".join(pieces))
    assert received == (expected if expected.endswith(b"\r\n") else expected + b"\r\n")


@pytest.mark.parametrize("end", ["\n.\n", "\r.\r", "\r\n.\n", "\n.\r\n", "\r.\r\n"])
def test_no_content_can_end_itself_and_begin_another_message(server, transport, end):
    letter = RawLetter(text=f"X: y\r\n\r\nbefore{end}MAIL FROM:<thief@example.net>")
    assert outcome_of(transport, letter).result == Result.SENT
    assert server.accepted[0].content == b"X: y\r\n\r\nbefore\r\n..\r\nMAIL FROM:<thief@example.net>\r\n"
    assert server.verbs().count("MAIL") == 1


def test_a_local_part_beyond_ascii_is_sent_where_the_server_takes_it(server, transport):
    first, second = transport.send([Letter(recipient="jörg@example.org"), Letter(recipient="sam@example.org")])
    assert first.result == second.result == Result.SENT
    assert server.accepted[0].recipient == "rcpt TO:<jörg@example.org>"
    assert "SMTPUTF8" in server.accepted[0].sender
    assert "SMTPUTF8" not in server.accepted[1].sender


def test_a_local_part_beyond_ascii_fails_where_the_server_does_not():
    with SmtpServer("8BITMIME") as server, SmtpTransportTo(server.port) as transport:
        outcomes = transport.send([Letter(delivery=1, recipient="jörg@example.org"), Letter(delivery=2)])
        assert next(outcomes) == Outcome(1, Result.FAILED, "smtputf8-unsupported")
        assert next(outcomes).result == Result.SENT
        assert server.verbs().count("MAIL") == 1


def test_a_domain_beyond_ascii_is_encoded(server, transport):
    letter = RawLetter(recipient="sam@bücher.example", text="To: sam@xn--bcher-kva.example\r\n\r\nHello\r\n")
    assert outcome_of(transport, letter).result == Result.SENT
    assert server.accepted[0].recipient == "rcpt TO:<sam@xn--bcher-kva.example>"


@pytest.mark.parametrize("address", ["a@example.org>\r\nRCPT TO:<b@example.org", "a\n@example.org", "example.org", ""])
def test_an_address_cannot_smuggle_a_command(server, transport, address):
    assert outcome_of(transport, Letter(recipient=address)).reason.startswith("cannot-build-message: ")
    assert server.connections == 0


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Subject: News\r\n\r\nHello\r\n", " SIZE=24"),
        ("Subject: News\r\n\r\nCafé\r\n", " SIZE=24 BODY=8BITMIME"),
        ("Subject: Café\r\n\r\nHello\r\n", " SIZE=25 BODY=8BITMIME SMTPUTF8"),
    ],
)
def test_the_server_is_told_what_it_must_know_about_the_content(server, transport, text, options):
    assert outcome_of(transport, RawLetter(text=text)).result == Result.SENT
    assert server.accepted[0].sender == f"mail FROM:<news@ihop.example.org>{options}"
