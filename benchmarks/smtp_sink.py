"""An SMTP server that takes everything and counts it per recipient. Loopback only; it ends with its parent.

`python -m benchmarks.smtp_sink --report FILE` prints its port, and writes {recipient: count} when it is ended.
"""

import argparse
import asyncio
import json
import signal
from collections import Counter
from pathlib import Path

LONGEST = 600  # seconds; a forgotten sink ends by itself


class Session(asyncio.Protocol):
    """One connection: just enough of RFC 5321 for smtplib and for us."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self.buffer = b""
        self.in_data = False
        self.recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.say("220 sink")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.in_data else b"\r\n"
            before, found, after = self.buffer.partition(end)
            if not found:
                return
            self.buffer = after
            if self.in_data:
                self.accept()
            else:
                self.command(before.decode("utf-8", "replace"))

    def command(self, line: str) -> None:
        verb = line[:4].upper()
        if verb == "EHLO":
            self.transport.write(b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
        elif verb == "RCPT":
            self.recipients.append(line.partition("<")[2].partition(">")[0])
            self.say("250 OK")
        elif verb == "DATA":
            self.in_data = True
            self.say("354 go on")
        elif verb == "QUIT":
            self.say("221 bye")
            self.transport.close()
        else:
            if verb == "RSET":
                self.recipients = []
            self.say("250 OK")

    def accept(self) -> None:
        self.counts.update(self.recipients)
        self.recipients, self.in_data = [], False
        self.say("250 accepted")

    def say(self, line: str) -> None:
        self.transport.write(line.encode() + b"\r\n")


async def serve(port: int, report: Path) -> None:
    counts: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, lambda: stop.done() or stop.set_result(None))
    server = await loop.create_server(lambda: Session(counts), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    try:
        await asyncio.wait_for(stop, LONGEST)
    finally:
        server.close()
        report.write_text(json.dumps(counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.report))


if __name__ == "__main__":
    main()
