"""An HTTP server that answers what it is told to, or breaks off where it is told to."""

import contextlib
import json
import socket
import socketserver
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal, Self
from urllib.parse import parse_qs

Fault = Literal["", "reset-before-reading", "reset-after-reading", "close-after-reading", "half-a-reply", "hang"]


@dataclass(frozen=True)
class Reply:
    """One answer. A dict or list as `body` goes out as JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault = ""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """What came in."""

    path: str
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)


class HttpServer:
    """Answers each POST with the next reply of its script, and with `usual` once the script is over.

    `usual` may be a function of the request. A script is for one call at a time.
    """

    def __init__(self, usual: Reply | Callable[[Request], Reply]) -> None:
        self.usual = usual
        self.script: deque[Reply] = deque()
        self.requests: list[Request] = []
        self.connections = 0
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def reply_to(self, request: Request) -> Reply:
        if self.script:
            return self.script.popleft()
        return self.usual(request) if callable(self.usual) else self.usual

    def hang(self) -> None:
        self._stopped.wait(30)

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
    owner: HttpServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    connection: socket.socket

    def handle(self) -> None:
        self.server.owner.connections += 1
        script = self.server.owner.script
        if script and script[0].fault == "reset-before-reading":
            script.popleft()
            self.connection.recv(1, socket.MSG_PEEK)  # sooner, and the client would find that it never connected
            self._reset()
            return
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.path, self.headers, body)
        owner.requests.append(request)
        reply = owner.reply_to(request)
        match reply.fault:
            case "hang":
                owner.hang()
                self.close_connection = True
            case "reset-after-reading":
                self._reset()
            case "close-after-reading":
                self.close_connection = True
            case _:
                self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.content)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.fault == "half-a-reply":
            self.wfile.write(reply.content[: len(reply.content) // 2])
            self.close_connection = True
        else:
            self.wfile.write(reply.content)

    def _reset(self) -> None:
        """Close with a RST instead of a FIN."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""
