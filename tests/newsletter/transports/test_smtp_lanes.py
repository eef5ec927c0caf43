"""SMTP over several connections at once: opened when needed, kept, lost one by one, as many as the server takes."""

from smtplib import SMTP

import pytest

from newsletter.transports.base import Outcome, Result, TransportUnavailable
from tests.newsletter.transports import BrokenLetter, Letter
from tests.newsletter.transports.smtp import SmtpTransportTo, accepted_deliveries, letters, outcome_of
from tests.servers.smtp import DROP, HANG, SmtpServer


@pytest.fixture(params=["step by step", "pipelined"])
def server(request):
    with SmtpServer("PIPELINING" if request.param == "pipelined" else "8BITMIME") as running:
        yield running


@pytest.fixture
def transport(server):
    with SmtpTransportTo(server.port, connections=4) as one:
        yield one


class Taking:
    """An iterable that counts how many messages were taken from it."""

    def __init__(self, messages):
        self.messages, self.count = messages, 0

    def __iter__(self):
        for message in self.messages:
            self.count += 1
            yield message


class TimeLimit(Exception):
    """As Celery's soft one, which is no BaseException."""


def keep(outcomes, kept):
    """Add each outcome to `kept` when it is there, so that it stays known whatever is raised after it."""
    for one in outcomes:
        kept.append(one)


def results(outcomes):
    return {one.delivery: one.result for one in outcomes}


def test_everything_is_sent_once_over_the_connections_allowed(server, transport):
    assert results(transport.send(letters(20))) == dict.fromkeys(range(20), Result.SENT)
    assert sorted(accepted_deliveries(server)) == list(range(20))
    assert server.connections == 4


def test_a_connection_is_opened_only_when_it_is_needed(server, transport):
    assert list(transport.send([])) == []
    assert server.connections == 0
    outcome_of(transport)
    assert server.connections == 1
    list(transport.send(letters(3)))
    assert server.connections == 3


def test_connections_are_kept_and_said_goodbye_to(server, transport):
    list(transport.send(letters(8)))
    list(transport.send(letters(8)))
    assert server.connections == 4
    transport.close()
    assert server.verbs().count("QUIT") == 4


@pytest.mark.parametrize("connections", [1, 2, 4, 7])
def test_a_message_is_taken_when_a_connection_is_free_for_it_or_soon_will_be(server, connections):
    taking = Taking(letters(20))
    with SmtpTransportTo(server.port, connections=connections) as transport:
        most = max(taking.count - done for done, _ in enumerate(transport.send(taking)))
    assert most == connections + 1
    assert taking.count == len(server.accepted) == 20


def test_nothing_stays_under_way_while_the_next_message_is_long_in_coming(server, transport, monkeypatch):
    monkeypatch.setattr("newsletter.transports.smtp.PAUSE", 0)
    ended = []

    def slowly():
        for letter in letters(6):
            assert len(ended) == letter.delivery
            yield letter

    for outcome in transport.send(slowly()):
        ended.append(outcome.delivery)
    assert ended == list(range(6))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_server_that_takes_fewer_connections_gets_no_more(server, transport, most):
    server.most = most
    assert results(transport.send(letters(12))) == dict.fromkeys(range(12), Result.SENT)
    assert results(transport.send(letters(12))) == dict.fromkeys(range(12), Result.SENT)
    assert server.connections == most + 1  # asked for one more once


@pytest.mark.parametrize("fault", ["421 4.7.0 too many", "554 5.7.1 go away", DROP, HANG])
def test_a_second_connection_refused_does_no_harm(server, transport, fault):
    server.on("GREETING", fault, connection=2)
    assert results(transport.send(letters(6))) == dict.fromkeys(range(6), Result.SENT)
    assert server.connections == 2


def test_one_more_is_asked_for_again_after_a_while(server, transport, monkeypatch):
    server.on("GREETING", DROP, connection=2)
    monkeypatch.setattr("newsletter.transports.smtp.REFUSED_PAUSE", 0)
    assert results(transport.send(letters(6))) == dict.fromkeys(range(6), Result.SENT)
    assert server.connections == 5


def test_what_is_under_way_is_finished_before_it_is_said_that_nobody_is_there(server, transport):
    server.on("GREETING", "", "", *[DROP] * 10)
    server.on("CONTENT", "", DROP, connection=1)
    server.on("CONTENT", DROP, connection=2)
    outcomes, taking = [], Taking(letters(9))
    with pytest.raises(TransportUnavailable):
        keep(transport.send(taking), outcomes)
    assert results(outcomes) == {0: Result.SENT, 1: Result.UNKNOWN, 2: Result.UNKNOWN}
    assert taking.count == 4  # the last was taken for nothing, and was provably not accepted
    assert accepted_deliveries(server) == [0]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
def test_421_on_one_connection_leaves_the_others_alone(server, transport, step):
    server.on(step, "421 4.7.0 slow down", connection=3)
    outcomes = list(transport.send(letters(12)))
    assert results(outcomes) == dict.fromkeys(range(12), Result.SENT) | {2: Result.RETRY}
    assert [one.delivery for one in outcomes if one.throttled] == [2]
    assert server.connections == 5
    assert sorted(accepted_deliveries(server)) == [one for one in range(12) if one != 2]


@pytest.mark.parametrize("fault", [DROP, HANG])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
def test_a_connection_lost_leaves_the_others_alone(server, transport, step, fault):
    server.on(step, "", fault, connection=2)
    said = results(transport.send(letters(12)))
    in_doubt = [number for number, result in said.items() if result == Result.UNKNOWN]
    assert len(in_doubt) == (1 if step == "CONTENT" else 0)
    assert sorted([*accepted_deliveries(server), *in_doubt]) == list(range(12))
    assert server.connections == 5


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_connections_that_died_while_idle_are_replaced(server, transport, step):
    list(transport.send(letters(4)))
    for number in range(1, 5):
        server.on(step, DROP, connection=number)
    assert results(transport.send(letters(8))) == dict.fromkeys(range(8), Result.SENT)
    assert server.connections == 8
    assert len(server.accepted) == 12


def test_a_lost_envelope_waits_where_no_fresh_connection_can_be_had(server, transport):
    list(transport.send(letters(4)))
    server.on("RCPT", DROP, connection=1)
    server.most = 3
    outcomes = list(transport.send(letters(8)))
    assert outcomes[0] == Outcome(0, Result.RETRY, "connection-lost-before-data")
    assert results(outcomes) == dict.fromkeys(range(1, 8), Result.SENT) | {0: Result.RETRY}


def test_messages_that_cannot_go_hold_no_connection(server, transport):
    mixed = [BrokenLetter(delivery=1), Letter(delivery=2, recipient="jörg@example.org"), Letter(delivery=3)]
    assert results(transport.send(mixed)) == {1: Result.FAILED, 2: Result.FAILED, 3: Result.SENT}
    assert server.connections == 1


def test_a_caller_who_stops_leaves_no_half_conversation_behind(server, transport):
    outcomes = transport.send(letters(9))
    known = [next(outcomes), next(outcomes)]
    outcomes.close()
    assert all(one.delivery in accepted_deliveries(server) for one in known)
    again = list(transport.send(letters(9)))
    assert results(again) == dict.fromkeys(range(9), Result.SENT)
    assert {one.message_id for one in again} == {"4F2A"}


@pytest.mark.parametrize("error", [TimeLimit, KeyboardInterrupt])
@pytest.mark.parametrize("strikes_at", range(1, 30, 3))
def test_a_time_limit_yields_nothing_for_what_is_in_doubt(server, transport, monkeypatch, error, strikes_at):
    replies, usual = [], SMTP.getreply

    def strike(smtp):
        replies.append(1)
        if len(replies) == strikes_at:
            raise error
        return usual(smtp)

    known = []
    with monkeypatch.context() as patch:
        patch.setattr("newsletter.transports.smtp_connection.Connection.getreply", strike)
        with pytest.raises(error):
            keep(transport.send(letters(9)), known)
    assert {one.result for one in known} <= {Result.SENT}
    assert {one.delivery for one in known} <= set(accepted_deliveries(server))
    # Replies to the others are still on their way: whoever took one for a reply to the next message would be wrong.
    later = letters(20)[9:]
    assert results(transport.send(later)) == {one.delivery: Result.SENT for one in later}
    assert [one for one in sorted(accepted_deliveries(server)) if one >= 9] == [one.delivery for one in later]


def test_a_time_limit_while_a_message_is_built_is_not_the_message_s_fault(server, transport):
    class Late(Letter):
        def as_bytes(self):
            raise TimeLimit

    with pytest.raises(TimeLimit):
        list(transport.send([Late()]))
    assert server.connections == 0
