"""A task knows for which request it works, and hands that on; its end is counted."""

import pytest
from celery import Celery

from config.observing import workers
from config.observing.correlation import Context, current
from tests.observing.test_requests import counted

GIVEN = "0b0e4f7e0f0c4c3c9d0f7f1d7a4c2b11"  # pragma: allowlist secret


@pytest.fixture
def inherit():
    before = current.set(Context(request_id=GIVEN))
    yield
    current.reset(before)


def published():
    """The headers of the messages that a task of ours is asked for with, over a broker in memory."""
    app = Celery("test", broker="memory://", set_as_current=False)
    app.task(name="tests.tell")(lambda: None)
    app.send_task("tests.tell")
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        message = queue.get(timeout=1)
        message.ack()
    return message.headers


def test_a_request_hands_its_id_to_its_tasks(inherit):
    assert published()["request_id"] == GIVEN


def test_outside_of_requests_there_is_nothing_to_hand_on():
    assert "request_id" not in published()


class Asked:
    """A task as its signals get it."""

    name = "newsletter.tasks.tick"

    def __init__(self, **headers):
        self.request = headers


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({"request_id": GIVEN}, GIVEN),
        ({}, "task-1"),
        ({"request_id": "jo@example.org\n"}, "task-1"),
        ({"request_id": 7}, "task-1"),
    ],
)
def test_a_task_works_under_the_id_it_was_given(headers, known):
    task = Asked(**headers)
    workers.begin(task_id="task-1", task=task)
    assert current.get() == Context(request_id=known, task_id="task-1", task="newsletter.tasks.tick")
    workers.end(task_id="task-1", task=task, state="SUCCESS")
    assert current.get() == Context()


def test_tasks_are_counted_by_name_and_outcome():
    labels = {"task": "newsletter.tasks.tick", "outcome": "failure"}
    before = counted("ihop_tasks_total", **labels)
    workers.begin(task_id="task-2", task=Asked())
    workers.end(task_id="task-2", task=Asked(), state="FAILURE")
    assert counted("ihop_tasks_total", **labels) == before + 1


def test_the_end_of_a_task_that_never_began_is_nobody_s_business():
    workers.end(task_id="task-3", task=Asked(), state="SUCCESS")
    assert current.get() == Context()
