"""Whatever breaks, on whichever of four connections: what is said of each message is what became of it."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.transports.base import Result, TransportUnavailable
from tests.newsletter.transports.smtp import SmtpTransportTo, accepted_deliveries, letters
from tests.servers.smtp import CUT, DROP, TAKE_AND_DROP, SmtpServer

MESSAGES = 9
REFUSALS = ["421 4.3.2 closing", "421 4.7.0 slow down", "450 4.2.1 later", "550 5.1.1 no"]
FAULTS = {
    "GREETING": [DROP, "421 4.7.0 too many", "554 5.7.1 go away"],
    "EHLO": [DROP, "500 5.5.1 what?"],
    "MAIL": [DROP, *REFUSALS],
    "RCPT": [DROP, *REFUSALS],
    "DATA": [DROP, CUT, "250 2.0.0 what?", *REFUSALS],
    "CONTENT": [DROP, TAKE_AND_DROP, "354 go on?", *REFUSALS],
    "RSET": [DROP, "500 5.5.1 what?"],
}
fault = st.sampled_from([(step, answer) for step, answers in FAULTS.items() for answer in answers])
# (connection, how many times that step goes well on it before, step and answer)
plans = st.lists(st.tuples(st.integers(1, 7), st.integers(0, 3), fault), max_size=8)


@settings(max_examples=150, deadline=None)
@given(plan=plans, pipelining=st.booleans(), connections=st.sampled_from([1, 2, 4]), most=st.sampled_from([1, 2, 4]))
def test_what_is_said_is_what_happened(plan, pipelining, connections, most):
    taken, outcomes, unavailable = [], [], False

    def taking():
        for letter in letters(MESSAGES):
            taken.append(letter.delivery)
            yield letter

    with SmtpServer("PIPELINING" if pipelining else "8BITMIME", most=most) as server:
        for connection, before, (step, answer) in plan:
            server.on(step, *[""] * before, answer, connection=connection)
        with SmtpTransportTo(server.port, connections=connections, timeout=2) as transport:
            try:
                for one in transport.send(taking()):
                    outcomes.append(one)
            except TransportUnavailable:
                unavailable = True
        accepted = Counter(accepted_deliveries(server))

    said = {one.delivery: one.result for one in outcomes}
    assert len(said) == len(outcomes)
    assert set(said) <= set(taken)
    assert set(taken) - set(said) == ({taken[-1]} if unavailable else set())
    assert len(taken) == MESSAGES or unavailable
    for delivery in range(MESSAGES):
        times = accepted[delivery]
        match said.get(delivery):
            case Result.SENT:
                assert times == 1
            case Result.UNKNOWN:
                assert times <= 1
            case _:  # retry_wait, failed, and what was taken for nothing
                assert times == 0
