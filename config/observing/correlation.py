"""What belongs together: the id of the request, and of the task, that this thread is working for.

A request hands its id on to the tasks it asks for, and they to theirs (`workers.py`).
"""

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

FORM = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True)
class Context:
    """For whom we work; empty texts outside of requests and tasks."""

    request_id: str = ""
    task_id: str = ""
    task: str = ""


NOBODY = Context()
current: ContextVar[Context] = ContextVar("ihop_context", default=NOBODY)


def request_id(offered: str = "") -> str:
    """The id that a proxy or a program gave the request when it is well-formed, else a new one."""
    return offered if FORM.fullmatch(offered) else uuid.uuid4().hex
