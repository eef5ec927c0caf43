"""Several messages under way at once, for transports that hand over one message per call and wait for the answer."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from newsletter.transports.base import Outcome, Outgoing, Transport, TransportUnavailable

Handed = tuple[list[Outcome], Exception | None]  # what became of one message, and what was raised meanwhile


class Pool:
    """A transport made of `size` threads, each with a transport of its own from `make`.

    The threads only talk to the provider: a message is taken, and its outcome given back, in the caller's thread,
    which is the one that has the database. They begin with the first message and end with `close()`.
    """

    def __init__(self, make: Callable[[], Transport], size: int) -> None:
        self._make, self._size = make, size
        self._front = make()  # for its name, and to check with
        self._threads: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._made: list[Transport] = []

    @property
    def name(self) -> str:
        return self._front.name

    def check(self) -> None:
        """Check one transport. Raises TransportUnavailable."""
        try:
            self._front.check()
        finally:
            self._front.close()

    def send(self, messages: Iterable[Outgoing]) -> Iterator[Outcome]:
        """Hand messages over, at most `size` at once, yielding outcomes as they come.

        After the first error no more are taken; it is raised once everything under way has its outcome. An error
        that leaves its message in doubt outranks TransportUnavailable, which would promise that nothing is.
        """
        threads = self._threads = self._threads or ThreadPoolExecutor(self._size, thread_name_prefix="sending")
        remaining = iter(messages)
        ended: SimpleQueue[Future[Handed]] = SimpleQueue()
        under_way: set[Future[Handed]] = set()
        trouble: Exception | None = None
        more = True
        try:
            while more or under_way:
                if more and len(under_way) < self._size and ended.empty():
                    try:
                        message = next(remaining, None)
                    except Exception as error:
                        trouble, more = error, False
                        continue
                    if message is None:
                        more = False
                        continue
                    future = threads.submit(self._hand_over, message)
                    under_way.add(future)
                    future.add_done_callback(ended.put)
                    continue
                future = ended.get()
                under_way.remove(future)
                outcomes, failure = future.result()
                if failure:
                    more = False
                    doubtful = not isinstance(failure, TransportUnavailable)
                    if trouble is None or (doubtful and isinstance(trouble, TransportUnavailable)):
                        trouble = failure
                yield from outcomes
        finally:
            for future in under_way:  # only if the caller stops listening: what has not begun must not begin later
                future.cancel()
        if trouble:
            raise trouble

    def close(self) -> None:
        """End the threads, once their calls under way have ended, and close their transports."""
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
        for transport in self._made:
            transport.close()
        self._threads, self._own, self._made = None, threading.local(), []

    def _hand_over(self, message: Outgoing) -> Handed:
        """Runs in a thread."""
        outcomes: list[Outcome] = []
        try:
            for outcome in self._mine().send([message]):
                outcomes.append(outcome)
        except Exception as error:  # raised in the caller's thread, after the other outcomes
            return outcomes, error
        return outcomes, None

    def _mine(self) -> Transport:
        if not hasattr(self._own, "transport"):
            self._own.transport = self._make()
            self._made.append(self._own.transport)
        transport: Transport = self._own.transport
        return transport
