"""An IMAP server with one mailbox: as much of RFC 3501 as reading and emptying one takes."""

import contextlib
import re
import socketserver
import ssl
import threading
from typing import Self


class ImapServer:
    """Speaks IMAP under TLS. `messages` holds what is in the mailbox, by UID; `commands` what was asked, without the
    password. `on("STORE", "NO later")` changes the answer to the next such command."""

    def __init__(self, tls: ssl.SSLContext, *messages: bytes, password: str = "p@ss") -> None:
        self.tls, self.password = tls, password
        self.messages = dict(enumerate(messages, start=101))
        self.deleted: set[int] = set()
        self.commands: list[str] = []
        self.answers: dict[str, str] = {}
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.owner = self  # type: ignore[attr-defined]

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def on(self, verb: str, answer: str) -> None:
        self.answers[verb] = answer

    def answer(self, verb: str, rest: str) -> list[bytes]:
        """The lines before the closing OK."""
        self.commands.append(verb)
        if verb == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1"]
        if verb == "SELECT":
            return [b"* %d EXISTS" % len(self.messages)]
        if verb == "SEARCH":
            there = [uid for uid in self.messages if uid not in self.deleted]
            return [b"* SEARCH " + b" ".join(b"%d" % uid for uid in there)]
        if verb == "FETCH":
            uid, size = int(rest.split()[0]), int(re.search(r"<0\.(\d+)>", rest)[1])
            content = self.messages.get(uid)
            if content is None:
                return []
            content = content[:size]
            return [b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n%b)" % (uid, len(content), content)]
        if verb == "STORE":
            self.deleted |= {int(uid) for uid in rest.split()[0].split(",")} & self.messages.keys()
        if verb == "EXPUNGE":
            for uid in self.deleted:
                del self.messages[uid]
            self.deleted.clear()
        return [b"* BYE"] if verb == "LOGOUT" else []

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        owner: ImapServer = self.server.owner  # type: ignore[attr-defined]
        with contextlib.suppress(ConnectionError, ssl.SSLError), owner.tls.wrap_socket(self.request, True) as talk:
            reader = talk.makefile("rb")
            talk.sendall(b"* OK here\r\n")
            while line := reader.readline():
                tag, _, command = line.decode().strip().partition(" ")
                verb, _, rest = command.removeprefix("UID ").partition(" ")
                if planned := owner.answers.pop(verb, ""):
                    owner.commands.append(verb)
                    talk.sendall(f"{tag} {planned}\r\n".encode())
                elif verb == "LOGIN" and f'"{owner.password}"' not in rest:
                    talk.sendall(f"{tag} NO [AUTHENTICATIONFAILED] no\r\n".encode())
                else:
                    lines = owner.answer(verb, rest)
                    talk.sendall(b"".join(one + b"\r\n" for one in lines) + f"{tag} OK done\r\n".encode())
                if verb == "LOGOUT":
                    return
