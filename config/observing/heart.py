"""The sign of life of a process: a thread of its own, so that nothing that works waits for it, nor it for them."""

import logging
import threading

from django.db import Error, connection

from newsletter import heartbeats

logger = logging.getLogger(__name__)

_stopped = threading.Event()
_thread: threading.Thread | None = None


def start(kind: str) -> None:
    """Write a heartbeat now and every 30 seconds, until `stop` is called."""
    global _thread
    _stopped.clear()
    _thread = threading.Thread(target=_beat, args=(kind, heartbeats.process_name(kind)), name="heart", daemon=True)
    _thread.start()


def stop() -> None:
    """End in good order: the row goes at once, so nobody counts on this process any more."""
    _stopped.set()
    if _thread:
        _thread.join(timeout=5)


def _beat(kind: str, name: str) -> None:
    while True:
        pulse(kind, name, ending=_stopped.is_set())
        if _stopped.is_set():
            return
        _stopped.wait(heartbeats.EVERY)


def pulse(kind: str, name: str, *, ending: bool = False) -> None:
    """Write (or, at the end, take away) the row. A database that is away is only noted: the next beat tries again."""
    try:
        heartbeats.leave(name) if ending else heartbeats.beat(name, kind)
    except Error as error:
        logger.warning("no sign of life could be written: %s", type(error).__name__)
    finally:
        # The worker forks from time to time: no connection of this thread may be open then.
        connection.close()
