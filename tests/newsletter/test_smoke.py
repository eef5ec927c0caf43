from newsletter.sending import drain_to_the_end, start
from tests import factories


def test_it(issue, members, own_outbox):
    start(issue)
    drain_to_the_end(issue)
    assert factories.states(issue) == {"sent": 4, "skipped": 2}
    assert len(list(own_outbox.glob("*.eml"))) == 4
