"""An SMTP server that answers what it is told to, or breaks off where it is told to."""

import contextlib
import socket
import socketserver
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import BinaryIO, Self

DROP = "drop"  # close the connection instead of answering
HANG = "hang"  # do not answer
USUAL = {
    "GREETING": "220 here",
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
    """Speaks SMTP. `on("RCPT", "550 5.1.1 no")` changes the answer to the next RCPT; several are taken in turn.

    The steps are the verbs, and GREETING, EHLO and CONTENT (the reply after the closing full stop).
    `on("DATA", DROP)` drops before the content flows, `on("CONTENT", DROP)` after all of it was read.
    """

    def __init__(self, *extensions: str) -> None:
        self.extensions = extensions or ("SMTPUTF8", "8BITMIME", "SIZE 10485760")
        self.accepted: list[Accepted] = []
        self.commands: list[str] = []
        self.connections = 0
        self._answers: dict[str, deque[str]] = defaultdict(deque)
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def on(self, step: str, *answers: str) -> None:
        self._answers[step].extend(answers)

    def answer(self, step: str) -> str:
        """Return the reply to a step. Raises ConnectionAbortedError when it is to be a dropped connection."""
        planned = self._answers[step].popleft() if self._answers[step] else ""
        if planned == HANG:
            self._stopped.wait(30)
        if planned in {DROP, HANG}:
            raise ConnectionAbortedError
        if planned:
            return planned
        if step == "EHLO":
            return "\r\n".join(["250-here", *(f"250-{one}" for one in self.extensions), "250 HELP"])
        return USUAL.get(step, "502 5.5.1 what?")

    def verbs(self) -> list[str]:
        return [command.split(" ")[0].upper() for command in self.commands]

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
    server: _Server
    rfile: BinaryIO
    connection: socket.socket

    def handle(self) -> None:
        self.server.owner.connections += 1
        with contextlib.suppress(ConnectionError):
            self._converse()

    def _converse(self) -> None:
        owner, sender, recipient = self.server.owner, "", ""
        self._say(owner.answer("GREETING"))
        while line := self.rfile.readline():
            command = line.decode().rstrip("\r\n")
            owner.commands.append(command)
            verb = command.split(" ")[0].upper()
            reply = owner.answer(verb)
            self._say(reply)
            if verb == "MAIL":
                sender = command
            elif verb == "RCPT":
                recipient = command
            elif verb == "DATA" and reply.startswith("354"):
                content = self._read_content()
                reply = owner.answer("CONTENT")
                if reply.startswith("250"):
                    owner.accepted.append(Accepted(sender, recipient, content))
                self._say(reply)
            if verb == "QUIT" or reply.startswith("421"):
                return

    def _read_content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise ConnectionAbortedError
            lines.append(line)
        return b"".join(lines)

    def _say(self, reply: str) -> None:
        self.wfile.write(reply.encode() + b"\r\n")
