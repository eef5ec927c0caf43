"""Celery's processes: our logging, the ids that a task inherits, counters, and the worker's sign of life.

Imported by `config/celery.py`, before Django is set up: what needs models or settings is imported when it is needed.
"""

import logging.config
import os
import time
from typing import Any

from celery.signals import (
    beat_init,
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_ready,
    worker_shutdown,
)

from config.observing import tracing
from config.observing.correlation import FORM, Context, current

HEADER = "request_id"  # of a message: the request (or the first task) that all this is done for
# By task id: how to get back to the context before, when it began, and its span.
_begun: dict[str, tuple[Any, float, Any, Any]] = {}


@setup_logging.connect
def use_our_logging(loglevel: int = logging.WARNING, **kwargs: Any) -> None:
    """Keep Celery from setting up its own: LOG_LEVEL and LOG_FORMAT hold for every process. `--loglevel` may ask for
    more, never for less."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
    root = logging.getLogger()
    root.setLevel(min(root.level, loglevel or root.level))


@before_task_publish.connect
def hand_on(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    """Let the task know for which request it works."""
    context = current.get()
    if headers is None:
        return
    if identity := context.request_id or context.task_id:
        headers.setdefault(HEADER, identity)
    tracing.hand_on(headers)


@task_prerun.connect
def begin(task_id: str = "", task: Any = None, **kwargs: Any) -> None:
    inherited = task.request.get(HEADER) or ""
    known = isinstance(inherited, str) and FORM.fullmatch(inherited)
    context = Context(request_id=inherited if known else task_id, task_id=task_id, task=task.name)
    span = tracing.span(task.name, carrier=_carrier(task))
    _begun[task_id] = (current.set(context), time.perf_counter(), span, span.__enter__())


@task_postrun.connect
def end(task_id: str = "", task: Any = None, state: str | None = None, **kwargs: Any) -> None:
    from config.observing import counters

    if task_id not in _begun:
        return
    before, began, span, it = _begun.pop(task_id)
    tracing.describe(it, failed=state == "FAILURE", ihop__request_id=current.get().request_id, ihop__task_id=task_id)
    span.__exit__(None, None, None)
    current.reset(before)
    counters.count_task(task.name, (state or "unknown").lower(), time.perf_counter() - began)


def _carrier(task: Any) -> dict[str, str]:
    above = task.request.get("traceparent")
    return {"traceparent": above} if isinstance(above, str) else {}


@worker_init.connect
@beat_init.connect
def refuse_to_start(**kwargs: Any) -> None:
    """Celery runs the system checks too, and goes on whatever they say."""
    from config.starting import refuse_what_is_wrong

    refuse_what_is_wrong()


@worker_init.connect
def count_in_files(**kwargs: Any) -> None:
    """Before the worker forks, so that what its processes count can be added up."""
    from django.conf import settings

    from config.observing import counters

    counters.share(settings.VAR_DIR, "worker", os.getpid())


@worker_ready.connect
def show_life(sender: Any = None, **kwargs: Any) -> None:
    from config.observing.heart import start

    start("worker")


@worker_shutdown.connect
def stop_showing_life(**kwargs: Any) -> None:
    from config.observing.heart import stop

    stop()
