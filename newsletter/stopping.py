"""Stopping in good order: whoever is asked to end hands over what is begun, records it, and gives the rest back.

A deployment ends workers with SIGTERM. Celery tells its main process only, so the request is shared with the processes
forked from it; a command in a terminal gets the signal itself.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Made before a worker forks, so its processes see it; without a lock, because it is asked before every message.
_asked = multiprocessing.RawValue(ctypes.c_bool, False)


def ask() -> None:
    """Ask every drain of this process and of those it has forked to stop after what is begun."""
    _asked.value = True


def asked() -> bool:
    """Whether somebody has asked."""
    return _asked.value or bool(_caught)


_caught: list[int] = []  # signals that wait until the drain has stopped


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, SIGTERM and Ctrl-C only ask, and are delivered when the work has stopped. A second one is not kept."""
    if threading.current_thread() is not threading.main_thread() or _caught:
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def note(number: int, frame: FrameType | None) -> None:
        _caught.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        waiting = list(_caught)
        _caught.clear()
        for caught in waiting:
            os.kill(os.getpid(), caught)
