"""Just enough HTTP/1.1 for a simulator, its clients and its webhooks: kept connections, bodies of a stated length."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from benchmarks.simulators.serving import reset

LONGEST_HEAD = 256 * 1024


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """The body read as JSON. Raises ValueError."""
        return json.loads(self.body)

    def form(self, wanted: Callable[[str], bool]) -> list[tuple[str, str]]:
        """The fields of a form whose names are wanted; the others, long bodies above all, are not even decoded."""
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            return _multipart(self.body, kind.partition("boundary=")[2].strip('"').encode(), wanted)
        pairs = (pair.partition("=") for pair in self.body.decode().split("&"))
        return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs if wanted(unquote_plus(name))]


@dataclass(frozen=True)
class Reply:
    """An answer. Anything but bytes as `body` goes out as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        kind = "text/html" if isinstance(self.body, bytes) else "application/json"
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **self.headers}
        head = [f"HTTP/1.1 {self.status} simulated", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*head, "", ""]).encode() + content


class Cut(Exception):
    """No answer: the connection is closed, or reset."""

    def __init__(self, *, reset: bool = False) -> None:
        self.reset = reset


async def listen(port: int, answer: Callable[[Request], Awaitable[Reply]]) -> asyncio.Server:
    """Serve on loopback: every request gets what `answer` returns, or the end of its connection (Cut)."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader):
                writer.write((await answer(request)).as_bytes())
                await writer.drain()
        except Cut as cut:
            if cut.reset:
                reset(writer.transport)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or we are being ended
        finally:
            writer.close()

    return await asyncio.start_server(converse, "127.0.0.1", port, limit=LONGEST_HEAD)


async def post(url: str, content: Any) -> int:
    """Post JSON to an address on this machine and return the status; 0 when there was no answer."""
    parts = urlsplit(url)
    body = json.dumps(content).encode()
    head = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.hostname}:{parts.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if parts.username:
        secret = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        head.append(f"Authorization: Basic {secret}")
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write("\r\n".join([*head, "", ""]).encode() + body)
            answer = await reader.read()
        finally:
            writer.close()
        return int(answer.split(b" ", 2)[1])
    except (OSError, IndexError, ValueError):
        return 0


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None when the client has gone."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


def _multipart(body: bytes, boundary: bytes, wanted: Callable[[str], bool]) -> list[tuple[str, str]]:
    found = []
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.decode().partition('name="')[2].partition('"')[0]
        if wanted(name):
            found.append((name, value.decode()))
    return found
