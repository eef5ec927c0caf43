"""What both simulators share: their counts, and a life that is bounded in time and ends with a report."""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

LONGEST = 600.0  # seconds; a forgotten simulator ends by itself


class Books:
    """How many messages were accepted, for whom, and who wants to know when there are so many."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.total = 0
        self._waiting: list[tuple[int, asyncio.Future[int]]] = []

    def accept(self, recipient: str) -> None:
        self.accepted[recipient] += 1
        self.total += 1
        if self._waiting:
            self._tell()

    def reached(self, total: int) -> "asyncio.Future[int]":
        """A future that is done as soon as so many messages have been accepted."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((total, future))
        self._tell()
        return future

    def _tell(self) -> None:
        for total, future in self._waiting:
            if total <= self.total and not future.done():
                future.set_result(self.total)
        self._waiting = [(total, future) for total, future in self._waiting if not future.done()]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that both simulators take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0 = any that is free; it is the first line printed")
    parser.add_argument("--report", type=Path, help="where to leave {recipient: count} at the end")
    parser.add_argument("--misbehave", default="", metavar="NAME=PROBABILITY[:SECONDS],…")
    parser.add_argument("--seed", type=int, default=0, help="of the misbehaviour")
    parser.add_argument("--seconds", type=float, default=LONGEST, help="it ends by itself after so long")
    return parser


def run(options: argparse.Namespace, books: Books, listen: Callable[[int], Awaitable[asyncio.Server]]) -> None:
    """Print the port, and serve until SIGTERM, SIGINT or the time is over; then write the report."""
    asyncio.run(_serve(options, books, listen))


async def _serve(options: argparse.Namespace, books: Books, listen: Callable[[int], Awaitable[asyncio.Server]]) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await listen(options.port)
    print(server.sockets[0].getsockname()[1], flush=True)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopped.wait(), options.seconds)
    server.close()
    if options.report:
        options.report.write_text(json.dumps(books.accepted))


def reset(transport: asyncio.BaseTransport) -> None:
    """Break a connection off with a RST instead of a FIN."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()
