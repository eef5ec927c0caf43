"""Several calls at once: what is taken when, what is given back when, and how it ends."""

import threading
from collections import deque

import pytest

from newsletter.providers import get_transport
from newsletter.transports.base import Outcome, Result, TransportUnavailable
from newsletter.transports.pool import Pool
from tests.newsletter.transports import Letter
from tests.newsletter.transports.replies import TAKEN
from tests.servers.http import Reply

LONG = 10  # seconds that nothing here ever takes, unless it fails


def letters(number):
    return [Letter(delivery=one, recipient=f"person{one}@example.org") for one in range(1, number + 1)]


class Provider:
    """What all threads of a pool talk to. A delivery waits for its gate, if it has one, and is then answered with what
    `answers` lists for it, outcomes to yield and exceptions to raise; otherwise it is sent."""

    def __init__(self):
        self.gates: dict[int, threading.Event] = {}
        self.answers: dict[int, object] = {}
        self.transports: list[Fake] = []
        self.begun = threading.Semaphore(0)
        self.handed: list[int] = []

    def make(self):
        self.transports.append(Fake(self))
        return self.transports[-1]

    def open_once_begun(self, calls, *gates):
        """Open these gates as soon as so many calls are under way."""

        def wait():
            if all(self.begun.acquire(timeout=LONG) for _ in range(calls)):
                for gate in gates:
                    self.gates[gate].set()

        threading.Thread(target=wait, daemon=True).start()


class Fake:
    name = "fake"

    def __init__(self, provider):
        self.provider = provider
        self.threads = set()
        self.closed = 0

    def check(self):
        if "check" in self.provider.answers:
            raise self.provider.answers["check"]

    def send(self, messages):
        self.threads.add(threading.current_thread())
        for message in messages:
            number = message.delivery
            self.provider.handed.append(number)
            self.provider.begun.release()
            if number in self.provider.gates:
                assert self.provider.gates[number].wait(LONG)
            for answer in self.provider.answers.get(number, [Outcome(number, Result.SENT)]):
                if isinstance(answer, Exception):
                    raise answer
                yield answer

    def close(self):
        self.closed += 1


class Giver:
    """Gives messages, and knows which were taken."""

    def __init__(self, messages):
        self.waiting, self.taken = deque(messages), []

    def __iter__(self):
        while self.waiting:
            self.taken.append(self.waiting[0].delivery)
            yield self.waiting.popleft()


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def pool(provider):
    made = Pool(provider.make, size=3)
    yield made
    for gate in provider.gates.values():
        gate.set()
    made.close()


def collect(outcomes, got):
    for outcome in outcomes:
        got.append(outcome)


def sent(outcomes):
    return sorted(one.delivery for one in outcomes if one.result == Result.SENT)


def test_everybody_gets_one_outcome(pool):
    assert sent(pool.send(letters(20))) == list(range(1, 21))
    assert list(pool.send([])) == []
    assert sent(pool.send(iter(letters(4)))) == [1, 2, 3, 4]


def test_as_many_calls_are_under_way_as_there_are_threads_and_no_more_messages_are_taken(pool, provider):
    provider.gates = {number: threading.Event() for number in range(1, 6)}
    giver = Giver(letters(5))
    outcomes = pool.send(giver)
    provider.open_once_begun(3, 2)
    assert next(outcomes).delivery == 2  # the others are still waiting
    assert giver.taken == [1, 2, 3]
    provider.gates[4].set()
    assert next(outcomes).delivery == 4
    provider.gates[5].set()
    assert next(outcomes).delivery == 5
    assert giver.taken == [1, 2, 3, 4, 5]
    provider.gates[1].set()
    provider.gates[3].set()
    assert sent(outcomes) == [1, 3]


def test_when_the_provider_is_out_of_reach_no_more_are_taken_and_what_is_under_way_ends_first(pool, provider):
    provider.gates = {number: threading.Event() for number in range(1, 4)}
    provider.answers = {2: [TransportUnavailable("down")], 3: [TransportUnavailable("down")]}
    provider.open_once_begun(3, 2, 3, 1)
    giver, got = Giver(letters(9)), []
    with pytest.raises(TransportUnavailable, match=r"^down$"):
        collect(pool.send(giver), got)
    assert sent(got) in ([1], [1, 4])  # 4 is taken if 1 came back before 2
    assert len(got) + 2 == len(giver.taken)


def test_an_outcome_that_came_with_the_refusal_of_our_account_is_kept(pool, provider):
    provider.answers = {1: [Outcome(1, Result.RETRY, "http-401"), TransportUnavailable("refused")]}
    outcomes = pool.send(letters(1))
    assert next(outcomes) == Outcome(1, Result.RETRY, "http-401")
    with pytest.raises(TransportUnavailable, match=r"^refused$"):
        next(outcomes)


def test_any_other_error_is_raised_once_the_others_have_their_outcomes(pool, provider):
    provider.gates = {number: threading.Event() for number in range(1, 4)}
    provider.answers = {1: [TransportUnavailable("down")], 3: [RuntimeError("a fault"), Outcome(3, Result.SENT)]}
    provider.open_once_begun(3, 1, 3, 2)
    got = []
    # Who hears TransportUnavailable believes that nothing is in doubt, so a fault must not hide behind it.
    with pytest.raises(RuntimeError, match=r"^a fault$"):
        collect(pool.send(letters(3)), got)
    assert sent(got) == [2]


def test_an_error_of_the_giver_is_raised_once_the_others_have_their_outcomes(pool):
    def giver():
        yield from letters(2)
        raise RuntimeError("the database has gone")

    got = []
    with pytest.raises(RuntimeError, match="the database has gone"):
        collect(pool.send(giver()), got)
    assert sent(got) == [1, 2]


def test_it_sends_again_after_an_error(pool, provider):
    provider.answers = {1: [TransportUnavailable("down")]}
    with pytest.raises(TransportUnavailable):
        list(pool.send(letters(1)))
    provider.answers = {}
    assert sent(pool.send(letters(3))) == [1, 2, 3]


def test_each_thread_has_a_transport_of_its_own(pool, provider):
    provider.gates = {number: threading.Event() for number in range(1, 4)}
    provider.open_once_begun(3, 1, 2, 3)
    assert sent(pool.send(letters(9))) == list(range(1, 10))
    used = [one for one in provider.transports if one.threads]
    assert [len(one.threads) for one in used] == [1, 1, 1]
    assert threading.current_thread() not in set.union(*(one.threads for one in used))


def test_closing_ends_the_threads_and_their_transports(pool, provider):
    list(pool.send(letters(9)))
    used = [one for one in provider.transports if one.threads]
    pool.close()
    assert [one.closed for one in used] == [1] * len(used)
    assert not any(thread.is_alive() for one in used for thread in one.threads)
    assert sent(pool.send(letters(2))) == [1, 2]
    assert [one.closed for one in used] == [1] * len(used)


def test_what_has_not_begun_when_the_caller_stops_listening_never_begins(pool, provider):
    provider.gates = {number: threading.Event() for number in (1, 2, 3, 5)}
    provider.open_once_begun(3, 1)
    one, two, three, four, five, six, seven = letters(7)
    outcomes = pool.send([one, two, three])
    assert next(outcomes).delivery == 1
    outcomes.close()  # 2 and 3 keep two of the three threads
    outcomes = pool.send([four, five, six])
    assert next(outcomes).delivery == 4
    outcomes.close()
    for gate in provider.gates.values():
        gate.set()
    assert sent(pool.send([seven])) == [7]
    assert 6 not in provider.handed


def test_a_check_sends_nothing_and_begins_no_thread(pool, provider):
    pool.check()
    provider.answers = {"check": TransportUnavailable("down")}
    with pytest.raises(TransportUnavailable, match=r"^down$"):
        pool.check()
    assert [one.threads for one in provider.transports] == [set()]
    assert pool.name == "fake"


def test_a_provider_without_batches_is_called_from_several_threads_without_the_database(
    provider_server, transport_for, settings
):
    # No test without the `django_db` mark may touch the database, from any thread.
    together = threading.Barrier(4)

    def answer(request):
        together.wait(LONG)  # each of four calls waits until all four are there
        return Reply(200, {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-1", "To": request.json["To"]})

    transport_for("postmark", REQUESTS_TIMEOUT=LONG)  # sets ANYMAIL
    settings.EMAIL_PROVIDER, settings.SEND_CALLS = "postmark", 4
    provider_server.usual = answer
    transport = get_transport()
    try:
        assert sent(transport.send(letters(8))) == list(range(1, 9))
    finally:
        transport.close()
    assert sorted(request.json["To"] for request in provider_server.requests) == [
        f"person{number}@example.org" for number in range(1, 9)
    ]
    assert provider_server.connections == 4


def test_a_key_stays_with_its_message_whatever_thread_sends_it(provider_server, transport_for, settings):
    transport_for("resend")  # sets ANYMAIL
    settings.EMAIL_PROVIDER, settings.SEND_CALLS = "resend", 4
    provider_server.usual = TAKEN["resend"]

    def keys_by_person():
        transport = get_transport()
        try:
            assert len(list(transport.send(letters(12)))) == 12
        finally:
            transport.close()
        requests, provider_server.requests = provider_server.requests, []
        return {request.json["to"][0]: request.headers["Idempotency-Key"] for request in requests}

    first, again = keys_by_person(), keys_by_person()
    assert first == again
    assert len(set(first.values())) == 12
