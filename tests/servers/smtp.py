"""An SMTP server that answers what it is told to, or breaks off where it is told to."""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import BinaryIO, Self

DROP = "drop"  # close the connection instead of answering
HANG = "hang"  # do not answer
CUT = "cut"  # for DATA: ask for the content, and close the connection once its first line was read
TAKE_AND_DROP = "take-and-drop"  # for CONTENT: accept the message, and close the connection instead of saying so
USUAL = {
    "GREETING": "220 here",
    "HELO": "250 here",
    "STARTTLS": "220 2.0.0 go ahead",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "CONTENT": "250 2.0.0 Ok: queued as 4F2A",
    "RSET": "250 2.0.0 ok",
    "NOOP": "250 2.0.0 ok",
    "AUTH": "235 2.7.0 welcome",
    "QUIT": "221 2.0.0 bye",
}


@dataclass(frozen=True)
class Accepted:
    """A message that was answered with 250 after its content."""

    sender: str
    recipient: str
    content: bytes  # as it came, dots still doubled, without the closing full stop


class SmtpServer:
    """Speaks SMTP. `on("RCPT", "550 5.1.1 no")` changes the answer to the next RCPT; several are taken in turn, and
    "" stands for the usual one. With `connection=2` only the second connection's answers change.

    The steps are the verbs, and GREETING, EHLO and CONTENT (the reply after the closing full stop).
    `on("DATA", DROP)` drops before the content flows, `on("CONTENT", DROP)` after all of it was read.
    With `tls` the server offers STARTTLS, or speaks TLS from the first byte where `implicit` is set. More than `most`
    connections at once are greeted with 421.
    """

    def __init__(
        self, *extensions: str, tls: ssl.SSLContext | None = None, implicit: bool = False, most: int = 100
    ) -> None:
        self.extensions = extensions or ("SMTPUTF8", "8BITMIME", "SIZE 10485760")
        self.tls, self.implicit, self.most = tls, implicit, most
        self.accepted: list[Accepted] = []
        self.contents: list[bytes] = []  # all that was read after 354, accepted or not
        self.commands: list[str] = []
        self.connections = 0
        self._at_once = 0
        self._answers: dict[tuple[str, int], deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def on(self, step: str, *answers: str, connection: int = 0) -> None:
        self._answers[step, connection].extend(answers)

    def answer(self, step: str, connection: int = 0, *, encrypted: bool = False) -> str:
        """Return the reply to a step. Raises ConnectionAbortedError when it is to be a dropped connection."""
        with self._lock:
            queue = self._answers[step, connection] or self._answers[step, 0]
            planned = queue.popleft() if queue else ""
        if planned == HANG:
            self._stopped.wait(30)
        if planned in {DROP, HANG}:
            raise ConnectionAbortedError
        if planned:
            return planned
        if step == "EHLO":
            offered = (*self.extensions, *(("STARTTLS",) if self.tls and not encrypted else ()))
            return "\r\n".join(["250-here", *(f"250-{one}" for one in offered), "250 HELP"])
        return USUAL.get(step, "502 5.5.1 what?")

    def verbs(self) -> list[str]:
        return [command.split(" ")[0].upper() for command in self.commands]

    def enter(self) -> tuple[int, bool]:
        """Count a connection in: its number, and whether it is one too many."""
        with self._lock:
            self.connections += 1
            self._at_once += 1
            return self.connections, self._at_once > self.most

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    owner: SmtpServer


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True  # replies to pipelined commands would wait 40 ms for each other
    server: _Server
    rfile: BinaryIO
    connection: socket.socket
    number: int
    encrypted = False

    def handle(self) -> None:
        owner = self.server.owner
        self.number, too_many = owner.enter()
        # An unwilling client ends the handshake with an SSLError of ours.
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            try:
                if too_many:
                    self._say("421 4.7.0 too many connections")
                else:
                    self._converse()
            finally:
                owner.leave()  # before the client can see that the connection is closed
                if self.encrypted:
                    self.connection.close()

    def _converse(self) -> None:
        owner, sender, recipient = self.server.owner, "", ""
        if owner.implicit:
            self._encrypt()
        self._say(self._answer("GREETING"))
        while line := self.rfile.readline():
            command = line.decode().rstrip("\r\n")
            owner.commands.append(command)
            verb = command.split(" ")[0].upper()
            reply = "503 5.5.1 one after the other" if verb == "MAIL" and sender else self._answer(verb)
            cut = reply == CUT
            self._say(USUAL["DATA"] if cut else reply)
            if verb == "STARTTLS" and reply.startswith("220"):
                self._encrypt()
            elif verb == "MAIL" and reply.startswith("250"):
                sender, recipient = command, ""
            elif verb == "RCPT" and sender and reply.startswith("25"):
                recipient = command
            elif verb == "RSET":
                sender, recipient = "", ""
            elif cut:
                self.rfile.readline()
                return
            elif verb == "DATA" and reply.startswith("354"):
                content = self._read_content()
                owner.contents.append(content)
                reply = self._answer("CONTENT") if recipient else "554 5.5.1 nobody to take it"
                if reply.startswith("250") or reply == TAKE_AND_DROP:
                    owner.accepted.append(Accepted(sender, recipient, content))
                if reply == TAKE_AND_DROP:
                    return
                self._say(reply)
                sender, recipient = "", ""
            if verb == "QUIT" or reply.startswith("421"):
                return

    def _answer(self, step: str) -> str:
        return self.server.owner.answer(step, self.number, encrypted=self.encrypted)

    def _encrypt(self) -> None:
        """Go on under TLS. What came before the handshake is forgotten (RFC 3207)."""
        assert self.server.owner.tls
        self.connection = self.server.owner.tls.wrap_socket(self.connection, server_side=True)
        self.encrypted = True
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)

    def _read_content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise ConnectionAbortedError
            lines.append(line)
        return b"".join(lines)

    def _say(self, reply: str) -> None:
        self.wfile.write(reply.encode() + b"\r\n")
