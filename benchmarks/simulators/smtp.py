"""An SMTP server that accepts everything and counts it per recipient. `python -m benchmarks.simulators.smtp --help`

It offers PIPELINING (RFC 2920), 8BITMIME, SMTPUTF8 and SIZE, and keeps no content. Three verbs are its own: `XCOUNTS`
answers with {recipient: count}, `XSTRUCK` with {fault: messages}, `XWAIT 100` once 100 messages have been accepted.
Misbehaviours, before (nothing is accepted) and after the message is accepted and counted:

    421                421 to MAIL, then the connection is closed
    4xx                450 to RCPT
    5xx                550 to RCPT; the same recipients each time
    hang               no answer to DATA, until the connection is closed after some seconds
    reset-before       RST once the content was read, nothing accepted
    reset-after        accepted, then RST
    drop-after-data    accepted, then the connection is closed without an answer
    no-reply           accepted, then silence until the connection is closed after some seconds
    slow               the answer to the content comes late
"""

import asyncio
import json
from collections.abc import Callable

from benchmarks.simulators.misbehaviour import Misbehaviour
from benchmarks.simulators.serving import Books, arguments, reset, run

KNOWN = {
    "slow": 0.05,
    "421": 0.0,
    "4xx": 0.0,
    "5xx": 0.0,
    "hang": 60.0,
    "reset-before": 0.0,
    "reset-after": 0.0,
    "drop-after-data": 0.0,
    "no-reply": 60.0,
}
LINE_END, CONTENT_END = b"\r\n", b"\r\n.\r\n"
BUFFER = 256 * 1024
EXTENSIONS = ("simulator", "PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8")


class Session(asyncio.BufferedProtocol):
    """One connection: as much of RFC 5321 as clients need. Replies to commands that came together go out together.

    One buffer is used over and over: allocating for each read would cost more than all the rest.
    """

    def __init__(self, books: Books, misbehaviour: Misbehaviour) -> None:
        self.books, self.misbehaviour = books, misbehaviour
        self.buffer, self.unread = bytearray(BUFFER), 0  # and how much of it waits to be understood
        self.replies: list[bytes] = []
        self.in_content = self.busy = False
        self._begin()

    def _begin(self) -> None:
        """Forget the envelope."""
        self.fault = ""
        self.has_sender = False
        self.recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 simulator\r\n")

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self.buffer)[self.unread :]

    def buffer_updated(self, nbytes: int) -> None:
        self.unread += nbytes
        if not self.busy:
            self._work()

    def connection_lost(self, error: Exception | None) -> None:
        self.busy = True

    def _work(self) -> None:
        """Take what has been read line by line, and content as a whole, which is not kept."""
        data, at = self.buffer, 0
        while not self.busy:
            end = CONTENT_END if self.in_content else LINE_END
            found = data.find(end, at, self.unread)
            if found < 0:
                if self.in_content:
                    at = max(at, self.unread - len(CONTENT_END) + 1)
                elif self.unread - at == BUFFER:
                    self._close("500 5.5.2 line too long")
                break
            line, at = at, found + len(end)
            if self.in_content:
                self._content()
            else:
                self._command(data[line:found].decode("utf-8", "replace"))
                if self.in_content:
                    at -= len(LINE_END)  # content may be nothing but the full stop that ends it
        rest = data[at : self.unread]
        data[: len(rest)], self.unread = rest, len(rest)
        self._flush()

    def _command(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO":
                *most, last = EXTENSIONS
                self.replies += [f"250-{one}\r\n".encode() for one in most]
                self._say(f"250 {last}")
            case "MAIL":
                self._begin()
                self.fault = self.misbehaviour.draw()
                if self.fault:
                    self.misbehaviour.struck[self.fault] += 1
                if self.fault == "421":
                    self._close("421 4.3.2 not now")
                else:
                    self.has_sender = True
                    self._say("250 2.1.0 ok")
            case "RCPT":
                self._recipient(rest.partition("<")[2].partition(">")[0])
            case "DATA":
                self._data()
            case "QUIT":
                self._close("221 2.0.0 bye")
            case "XCOUNTS":
                self._say(f"250 {json.dumps(self.books.accepted)}")
            case "XSTRUCK":
                self._say(f"250 {json.dumps(self.misbehaviour.struck)}")
            case "XWAIT":
                self._pause()
                self.books.reached(int(rest)).add_done_callback(lambda done: self._go_on(f"250 {done.result()}"))
            case "HELO" | "NOOP" | "RSET":
                if verb.upper() == "RSET":
                    self._begin()
                self._say("250 2.0.0 ok")
            case _:
                self._say("502 5.5.1 what?")

    def _recipient(self, address: str) -> None:
        if not self.has_sender:
            self._say("503 5.5.1 MAIL first")
        elif self.fault == "4xx":
            self._say("450 4.2.1 try again later")
        elif self.misbehaviour.always("5xx", address):
            self._say("550 5.1.1 nobody of that name")
        else:
            self.recipients.append(address)
            self._say("250 2.1.5 ok")

    def _data(self) -> None:
        if not self.recipients:
            self._say("503 5.5.1 RCPT first")
        elif self.fault == "hang":
            self._later("hang", lambda: self._close(""))
        else:
            self.in_content = True
            self._say("354 go on")

    def _content(self) -> None:
        """A message has been read to its end: accept it, or do whatever strikes it."""
        self.in_content = False
        if self.fault == "reset-before":
            self._reset()
            return
        for recipient in self.recipients:
            self.books.accept(recipient)
        match self.fault:
            case "reset-after":
                self._reset()
            case "drop-after-data":
                self._close("")
            case "no-reply":
                self._later("no-reply", lambda: self._close(""))
            case _:
                self._accepted()
        self._begin()

    def _accepted(self) -> None:
        reply = f"250 2.0.0 Ok: queued as {self.books.total:08X}"
        if delay := self.misbehaviour.delay():
            self._pause()
            asyncio.get_running_loop().call_later(delay, self._go_on, reply)
        else:
            self._say(reply)

    def _say(self, line: str) -> None:
        self.replies.append(line.encode() + LINE_END)

    def _flush(self) -> None:
        if self.replies and not self.transport.is_closing():
            self.transport.write(b"".join(self.replies))
        self.replies = []

    def _pause(self) -> None:
        """Take no further command, so that answers keep their order."""
        self._flush()
        self.busy = True
        self.transport.pause_reading()

    def _go_on(self, reply: str) -> None:
        if self.transport.is_closing():
            return
        self.busy = False
        self.transport.resume_reading()
        self._say(reply)
        self._work()

    def _later(self, fault: str, act: Callable[[], None]) -> None:
        self._pause()
        asyncio.get_running_loop().call_later(self.misbehaviour.seconds[fault], act)

    def _close(self, reply: str) -> None:
        if reply:
            self._say(reply)
        self._flush()
        self.busy = True
        self.transport.close()

    def _reset(self) -> None:
        self._flush()
        self.busy = True
        reset(self.transport)


def main() -> None:
    options = arguments(__doc__).parse_args()
    books = Books()
    misbehaviour = Misbehaviour(options.misbehave, known=KNOWN, seed=options.seed)

    async def listen(port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Session(books, misbehaviour), "127.0.0.1", port)

    run(options, books, listen)


if __name__ == "__main__":
    main()
