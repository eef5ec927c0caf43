"""SMTP over one connection: what each answer, at each step, proves, with and without PIPELINING."""

import socket
from email import message_from_bytes, policy

import pytest

from newsletter.transports.base import Outcome, Result, TransportUnavailable
from tests.newsletter.transports import BrokenLetter, Letter, RawLetter
from tests.newsletter.transports.smtp import SmtpTransportTo, outcome_of
from tests.servers.smtp import CUT, DROP, HANG, TAKE_AND_DROP, SmtpServer


def test_accepted_with_the_id_of_the_queue(server, transport):
    assert outcome_of(transport) == Outcome(7, Result.SENT, message_id="4F2A")
    (accepted,) = server.accepted
    assert accepted.sender.startswith("mail FROM:<news@ihop.example.org>")
    assert accepted.recipient == "rcpt TO:<sam@example.org>"
    assert server.verbs() == ["EHLO", "MAIL", "RCPT", "DATA"]
    message = message_from_bytes(accepted.content, policy=policy.default)
    assert message["Message-ID"] == "<7.2026-10@ihop.example.org>"
    assert accepted.content.count(b"\n") == accepted.content.count(b"\r\n")


def test_one_connection_serves_many_messages(server, transport):
    outcomes = list(transport.send([Letter(delivery=number) for number in range(5)]))
    assert [one.result for one in outcomes] == [Result.SENT] * 5
    assert outcome_of(transport).result == Result.SENT
    assert server.connections == 1
    assert len(server.accepted) == 6


def test_close_says_goodbye_and_the_next_send_connects_again(server, transport):
    outcome_of(transport)
    transport.close()
    assert server.verbs()[-1] == "QUIT"
    assert outcome_of(transport).result == Result.SENT
    assert server.connections == 2


@pytest.mark.parametrize(
    ("step", "reply", "result", "reason"),
    [
        ("MAIL", "550 5.7.1 <news@ihop.example.org> refused", Result.FAILED, "mail-550 5.7.1"),
        ("MAIL", "452 4.3.1 later", Result.RETRY, "mail-452 4.3.1"),
        ("RCPT", "550 5.1.1 <sam@example.org> unknown", Result.FAILED, "rcpt-550 5.1.1"),
        ("RCPT", "450 4.2.1 <sam@example.org> greylisted", Result.RETRY, "rcpt-450 4.2.1"),
        ("RCPT", "550 sam@example.org unknown", Result.FAILED, "rcpt-550"),
        ("DATA", "554 5.5.1 no valid recipients", Result.FAILED, "data-554 5.5.1"),
        ("DATA", "451 4.3.0 later", Result.RETRY, "data-451 4.3.0"),
        ("DATA", "250 2.0.0 what content?", Result.RETRY, "data-250 2.0.0"),
        ("CONTENT", "554 5.7.1 sam@example.org dislikes this", Result.FAILED, "content-554 5.7.1"),
        ("CONTENT", "451 4.7.1 later", Result.RETRY, "content-451 4.7.1"),
        ("CONTENT", "354 go on?", Result.UNKNOWN, "content-354"),
        ("CONTENT", "rubbish", Result.UNKNOWN, "content--1"),
    ],
)
def test_each_refusal_is_judged_by_its_step_and_code(server, transport, step, reply, result, reason):
    server.on(step, reply)
    refused, next_one = transport.send([Letter(delivery=1), Letter(delivery=2)])
    assert (refused.delivery, refused.result, refused.reason) == (1, result, reason)
    assert next_one.result == Result.SENT
    assert len(server.accepted) == 1
    assert server.connections == (2 if result == Result.UNKNOWN else 1)


@pytest.mark.parametrize("fault", [DROP, HANG])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_lost_before_the_content_is_tried_once_more_on_a_fresh_connection(server, transport, step, fault):
    server.on(step, fault)
    assert outcome_of(transport).result == Result.SENT
    assert server.connections == 2
    assert len(server.accepted) == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_lost_twice_before_the_content_may_be_retried_later(server, transport, step):
    server.on(step, DROP, DROP)
    lost, next_one = transport.send([Letter(delivery=1), Letter(delivery=2)])
    assert lost == Outcome(1, Result.RETRY, "connection-lost-before-data")
    assert next_one.result == Result.SENT
    assert server.connections == 3


def test_lost_before_the_content_and_nobody_there_to_reconnect_to(server, transport):
    server.on("RCPT", DROP)
    server.on("GREETING", "220 here", DROP)
    assert outcome_of(transport) == Outcome(7, Result.RETRY, "connection-lost-before-data")
    assert server.accepted == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_421_on_a_fresh_connection_asks_us_to_go_slower(server, transport, step):
    server.on(step, "421 4.3.2 closing")
    refused, next_one = transport.send([Letter(delivery=1), Letter(delivery=2)])
    assert refused == Outcome(1, Result.RETRY, f"{step.lower()}-421 4.3.2", throttled=True)
    assert next_one == Outcome(2, Result.SENT, message_id="4F2A")
    assert server.connections == 2


@pytest.mark.parametrize("reply", ["421 4.4.2 idle for too long", "421 too many messages in this connection"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_421_on_a_kept_connection_may_be_about_the_connection_and_a_fresh_one_is_tried(server, transport, step, reply):
    outcome_of(transport)
    server.on(step, reply)
    assert outcome_of(transport) == Outcome(7, Result.SENT, message_id="4F2A")
    assert server.connections == 2


def test_421_about_us_is_believed_on_a_kept_connection_too(server, transport):
    outcome_of(transport)
    server.on("MAIL", "421 4.7.0 unusual rate of mail")
    assert outcome_of(transport) == Outcome(7, Result.RETRY, "mail-421 4.7.0", throttled=True)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("reply", "throttled"),
    [
        ("450 4.7.1 Error: too much mail from 192.0.2.1", True),  # Postfix
        ("451 4.7.500 Server busy. Please try again later", True),  # Outlook
        ("451 4.4.5 congested", True),
        ("450 4.7.1 greylisted", False),
        ("450 4.2.1 sam is receiving mail too quickly, the rate limit is theirs", False),  # Google
        ("452 4.5.3 too many recipients", False),
        ("550 5.7.1 too many complaints", False),
    ],
)
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
def test_only_what_is_said_about_us_slows_us_down(server, transport, step, reply, throttled):
    server.on(step, reply)
    assert outcome_of(transport).throttled is throttled


@pytest.mark.parametrize("fault", [DROP, HANG, TAKE_AND_DROP])
def test_silence_after_the_content_is_unknown_and_never_tried_again(server, transport, fault):
    server.on("CONTENT", fault)
    lost, next_one = transport.send([Letter(delivery=1), Letter(delivery=2)])
    assert lost == Outcome(1, Result.UNKNOWN, "connection-lost-after-data")
    assert next_one.result == Result.SENT
    assert server.verbs().count("DATA") == 2
    assert server.connections == 2


@pytest.mark.parametrize("size", [10, 5_000_000])  # the second is more than the network holds at once
def test_lost_in_the_middle_of_the_content_is_unknown(server, transport, size):
    server.on("DATA", CUT)
    letters = [RawLetter(delivery=1, text="X: y\r\n\r\n" + "z" * size), Letter(delivery=2)]
    lost, next_one = transport.send(letters)
    assert lost == Outcome(1, Result.UNKNOWN, "connection-lost-after-data")
    assert next_one.result == Result.SENT
    assert len(server.accepted) == 1


def test_421_after_the_content_proves_that_it_was_not_taken(server, transport):
    server.on("CONTENT", "421 4.3.2 closing")
    lost, next_one = transport.send([Letter(delivery=1), Letter(delivery=2)])
    assert lost == Outcome(1, Result.RETRY, "content-421 4.3.2", throttled=True)
    assert next_one.result == Result.SENT


@pytest.mark.parametrize(
    ("step", "reply", "result", "reason"),
    [
        ("MAIL", "550 5.7.1 no", Result.FAILED, "mail-550 5.7.1"),
        ("MAIL", "450 4.7.1 later", Result.RETRY, "mail-450 4.7.1"),
        ("RCPT", "550 5.1.1 no", Result.FAILED, "rcpt-550 5.1.1"),
        ("RCPT", "450 4.2.0 later", Result.RETRY, "rcpt-450 4.2.0"),
    ],
)
@pytest.mark.parametrize("data", ["354 go on", "503 5.5.1 RCPT first", "554 5.5.1 no valid recipients"])
def test_nothing_is_given_to_a_server_that_asks_for_content_after_a_refusal(step, reply, result, reason, data):
    with SmtpServer("PIPELINING") as server, SmtpTransportTo(server.port) as transport:
        server.on(step, reply)
        server.on("DATA", data)
        refused, next_one = transport.send([Letter(delivery=1), Letter(delivery=2)])
        assert refused == Outcome(1, result, reason)
        assert next_one.result == Result.SENT
        assert server.connections == 1
    assert server.contents == ([b""] if data.startswith("354") else []) + [one.content for one in server.accepted]
    (accepted,) = server.accepted
    assert b"\r\nMessage-ID: <2." in accepted.content


@pytest.mark.parametrize(("step", "fault"), [("DATA", DROP), ("DATA", "421 4.3.2 closing"), ("CONTENT", DROP)])
def test_a_refusal_stands_when_the_connection_is_lost_after_it(step, fault):
    with SmtpServer("PIPELINING") as server, SmtpTransportTo(server.port) as transport:
        server.on("RCPT", "550 5.1.1 no")
        server.on(step, fault)
        assert outcome_of(transport) == Outcome(7, Result.FAILED, "rcpt-550 5.1.1")
        assert server.accepted == []


def test_the_envelope_goes_in_one_write_where_the_server_allows_it(server, transport, monkeypatch):
    outcome_of(transport)
    written = []

    def send(smtp, content):
        written.append(content if isinstance(content, bytes) else content.encode())
        smtp.sock.sendall(written[-1])

    monkeypatch.setattr("smtplib.SMTP.send", send)
    assert outcome_of(transport).result == Result.SENT
    assert len(written) == (2 if "PIPELINING" in server.extensions else 4)


def test_a_connection_that_cannot_be_reset_is_given_up(server, transport):
    server.on("RCPT", "550 5.1.1 no")
    server.on("RSET", "500 5.5.1 what?")
    assert [one.result for one in transport.send([Letter(), Letter()])] == [Result.FAILED, Result.SENT]
    assert server.connections == 2


def test_a_time_limit_in_the_middle_leaves_no_half_conversation_behind(server, transport, monkeypatch):
    class TimeLimit(BaseException):
        pass

    def strike(*args):
        raise TimeLimit

    def send_and_strike(smtp, content):
        smtp.sock.sendall(content if isinstance(content, bytes) else content.encode())
        if content == b"X: y\r\n\r\nHello\r\n.\r\n":
            monkeypatch.setattr("newsletter.transports.smtp_connection.Connection.getreply", strike)

    with monkeypatch.context() as patch:
        patch.setattr("smtplib.SMTP.send", send_and_strike)
        with pytest.raises(TimeLimit):
            outcome_of(transport, RawLetter(text="X: y\r\n\r\nHello"))
    monkeypatch.undo()
    # The reply to that content is still on its way: whoever took it for one to the next message would be wrong.
    assert outcome_of(transport).result == Result.SENT
    assert server.connections == 2


def test_a_message_that_cannot_be_built_does_not_stop_the_others(transport):
    broken, sent = transport.send([BrokenLetter(delivery=1), Letter(delivery=2)])
    assert broken == Outcome(1, Result.FAILED, "cannot-build-message: ValueError")
    assert sent.result == Result.SENT


@pytest.mark.parametrize("greeting", ["421 4.3.2 busy", "450 4.7.1 slow down", "554 5.7.1 go away", DROP, HANG])
def test_a_server_that_does_not_greet_takes_nothing(server, transport, greeting):
    server.on("GREETING", greeting)
    with pytest.raises(TransportUnavailable, match=f"^The SMTP server at 127.0.0.1:{server.port} "):
        outcome_of(transport)
    assert server.commands == []


def test_a_refused_connection_hands_nothing_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        with SmtpTransportTo(taken.getsockname()[1]) as transport:
            with pytest.raises(TransportUnavailable, match="cannot be reached: check EMAIL_URL and the network"):
                transport.check()
            with pytest.raises(TransportUnavailable):
                outcome_of(transport)


def test_outcomes_before_the_server_went_away_are_kept(server, transport):
    outcomes = transport.send([Letter(delivery=1), Letter(delivery=2), Letter(delivery=3)])
    server.on("CONTENT", "", DROP)
    server.on("GREETING", "", DROP)
    assert next(outcomes).result == Result.SENT
    assert next(outcomes).result == Result.UNKNOWN
    with pytest.raises(TransportUnavailable):
        next(outcomes)
    assert len(server.accepted) == 1


def test_login(server):
    server.extensions = ("AUTH PLAIN",)
    with SmtpTransportTo(server.port, user="news", password="pass") as transport:
        assert outcome_of(transport).result == Result.SENT
    assert "AUTH" in server.verbs()


def test_a_wrong_password_is_said_before_anything_is_sent(server):
    server.extensions = ("AUTH PLAIN",)
    server.on("AUTH", "535 5.7.8 wrong, news")
    refused = pytest.raises(TransportUnavailable, match=r"refused the user name and password: check EMAIL_URL.$")
    with SmtpTransportTo(server.port, user="news", password="pass") as transport, refused:
        transport.check()


def test_nothing_goes_out_in_the_clear_when_tls_was_asked_for(server):
    with (
        SmtpTransportTo(server.port, use_tls=True) as transport,
        pytest.raises(TransportUnavailable, match="encryption"),
    ):
        outcome_of(transport)
    assert "MAIL" not in server.verbs()


def test_check_offers_our_sender_and_sends_nothing(server):
    with SmtpTransportTo(server.port, sender="news@ihop.example.org") as transport:
        transport.check()
        assert server.verbs()[-2:] == ["MAIL", "RSET"]
        assert outcome_of(transport).result == Result.SENT
    assert server.connections == 1


@pytest.mark.parametrize("reply", ["530 5.7.0 log in first", "550 5.7.1 no relaying", "451 4.3.0 later"])
def test_check_finds_a_relay_that_refuses_our_sender(server, reply):
    server.on("MAIL", reply)
    refused = pytest.raises(TransportUnavailable, match=rf"refuses our sender \({reply[:3]}\): check NEWS_FROM")
    with SmtpTransportTo(server.port, sender="news@ihop.example.org") as transport, refused:
        transport.check()


def test_no_reason_or_error_repeats_what_the_server_said(server, transport):
    server.on("RCPT", "550 5.1.1 <samantha@example.org> has gone", "450 samantha@example.org")
    server.on("CONTENT", "554 samantha@example.org", "250 Ok: queued as samantha@example.org")
    outcomes = list(transport.send([Letter(delivery=number) for number in range(4)]))
    assert [one.result for one in outcomes] == [Result.FAILED, Result.RETRY, Result.FAILED, Result.SENT]
    assert "samantha" not in repr(outcomes)
