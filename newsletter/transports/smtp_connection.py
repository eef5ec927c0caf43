"""One conversation with an SMTP server, cut where it has to wait: `begin`, then `proceed` until there is an outcome.

Until the server has answered 354 and content begins to flow nothing can have been accepted (RFC 5321, 4.1.1.4):
whatever fails before is safe to try again. Once content flows, only the server's final reply proves anything.
Greeting, EHLO, STARTTLS, AUTH and timeouts are the standard library's.
"""

import re
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import idna

from newsletter.transports.base import Outcome, Outgoing, Result
from newsletter.transports.wire import END

CLOSING = 421  # "service not available, closing transmission channel": may come in answer to any command
GO_ON = 354
USUAL = (b"250 ", b"354 ")  # replies of one line that are read quickly
MOST_REPLY = 512  # characters of a line (RFC 5321, 4.5.3.1.5)
LOST = "connection-lost-before-data"
ENVELOPE: tuple[tuple[str, tuple[int, ...]], ...] = (("mail", (250,)), ("rcpt", (250, 251, 252)), ("data", (GO_ON,)))
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")  # RFC 3463; all of a reply that is safe to keep
_QUEUED_AS = re.compile(rb"queued as ([A-Za-z0-9._-]{4,64})(?=\s|$)")  # Postfix, and those who imitate it
_TOO_MUCH = re.compile(rb"too (?:many|much|fast)|rate.?limit|unusual rate|throttl|server busy", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>]")  # what no address in a command may hold


class Lost(Exception):
    """The connection went, or has to go, before any content was sent: nothing was accepted."""

    def __init__(self, reason: str = LOST, *, throttled: bool = False, try_again: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.throttled = reason, throttled
        self.try_again = try_again  # perhaps only this connection has had its day: a fresh one may do


@dataclass(frozen=True)
class Parcel:
    """A message as it goes over the wire: its domains in ASCII, its content as the sender prepared it."""

    delivery: int
    sender: str
    recipient: str
    content: bytes  # as DATA wants it


def pack(message: Outgoing, return_path: Callable[[int], str] | None = None) -> Parcel:
    """Return the message ready for `Connection.begin`. Raises ValueError for an address no command may hold.

    `return_path` makes the address that it comes back to out of the delivery's number; without it that is the sender.
    """
    sender = return_path(message.delivery) if return_path else ascii_sender(message.sender)
    return Parcel(message.delivery, sender, ascii_domain(message.recipient), message.as_wire())


class Connection(smtplib.SMTP):
    """A connection that carries one message at a time. It is `alive` until it has to be given up."""

    _parcel: Parcel
    _commands: list[bytes]
    _pipelined: bool
    _last: bool
    _answered = 0  # how many commands of the envelope
    _carried = 0  # messages, this one included

    @property
    def alive(self) -> bool:
        return self.sock is not None

    def begin(self, parcel: Parcel, *, last: bool = False) -> Outcome | None:
        """Offer the envelope: whole where the server takes it so (PIPELINING, RFC 2920), else its first command.

        Returns FAILED for a message that this server cannot carry. Raises Lost; `last` makes that final.
        """
        self._parcel, self._last = parcel, last
        options = self._options(parcel)
        if options is None:
            return Outcome(parcel.delivery, Result.FAILED, "smtputf8-unsupported")
        self._commands = [
            f"mail FROM:<{parcel.sender}>{options}\r\n".encode(),
            f"rcpt TO:<{parcel.recipient}>\r\n".encode(),
            b"data\r\n",
        ]
        self._pipelined = self.has_extn("pipelining")
        self._answered = 0
        self._carried += 1
        self._write(b"".join(self._commands) if self._pipelined else self._commands[0])
        return None

    def proceed(self) -> Outcome | None:
        """Wait for the server's next answer and write what follows it: a command, or the content after 354.

        Returns the outcome once there is one: the envelope was refused, the final reply was read, or the connection
        went after content had begun to flow, which means UNKNOWN. Raises Lost.
        """
        if self._answered == len(ENVELOPE):
            return self._end()
        if refusal := self._refusal():
            return refusal
        if self._answered < len(ENVELOPE):
            self._write(self._commands[self._answered])
            return None
        try:
            self.send(self._parcel.content)
        except OSError:  # smtplib has closed the connection
            return Outcome(self._parcel.delivery, Result.UNKNOWN, "connection-lost-after-data")
        return None

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply; the usual ones, of one line, without the standard library's ceremony."""
        if self.file is not None and (line := self.file.peek()[:MOST_REPLY]).startswith(USUAL):
            end = line.find(b"\r\n")
            if end >= 0:
                self.file.read(end + 2)
                return int(line[:3]), line[4:end]
        return super().getreply()

    def _write(self, commands: bytes) -> None:
        try:
            self.send(commands)
        except OSError as error:  # every smtplib error is one, too
            raise Lost(try_again=not self._last) from error

    def _options(self, parcel: Parcel) -> str | None:
        """Return what follows the sender in MAIL, or None when the server lacks an extension that cannot be missed."""
        options = f" SIZE={len(parcel.content) - len(END)}" if self.has_extn("size") else ""
        envelope_is_ascii = parcel.sender.isascii() and parcel.recipient.isascii()
        if envelope_is_ascii and parcel.content.isascii():
            return options
        if not parcel.content.isascii() and self.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        if envelope_is_ascii and parcel.content.partition(b"\r\n\r\n")[0].isascii():
            return options
        return f"{options} SMTPUTF8" if self.has_extn("smtputf8") else None

    def _refusal(self) -> Outcome | None:
        """Read the replies to the commands that were written. Returns what a refusal means; raises Lost."""
        refusal: Outcome | None = None
        code = 0
        for phase, expected in ENVELOPE[self._answered : None if self._pipelined else self._answered + 1]:
            try:
                code, reply = self.getreply()
            except OSError as error:
                self.close()
                if refusal:
                    return refusal
                raise Lost(try_again=not self._last) from error
            if code == CLOSING:
                self.close()
                if refusal:
                    return refusal
                raise self._closed(phase, reply)
            if code not in expected and not refusal:
                refusal = self._judged(phase, code, reply)
            self._answered += 1
        if refusal:
            self._start_over(content_expected=code == GO_ON)
        return refusal

    def _end(self) -> Outcome:
        """Read the one reply that decides. Silence means UNKNOWN."""
        delivery = self._parcel.delivery
        try:
            code, reply = self.getreply()
        except OSError:
            self.close()
            return Outcome(delivery, Result.UNKNOWN, "connection-lost-after-data")
        if 200 <= code < 300:
            queued = _QUEUED_AS.search(reply)
            return Outcome(delivery, Result.SENT, message_id=queued[1].decode() if queued else "")
        if code == CLOSING:
            self.close()
        if 400 <= code < 600:
            return self._judged("content", code, reply)
        self.close()  # whatever it is saying, it is not in answer to us
        return Outcome(delivery, Result.UNKNOWN, _why("content", code, reply))

    def _closed(self, phase: str, reply: bytes) -> Lost:
        """What 421 before the content means. A connection that served us before may only have had its day (idle for
        too long, so many messages a connection), unless the reply says that it is about us."""
        about_us = _enhanced(reply).startswith(("4.7.", "4.4.5"))
        had_its_day = self._carried > 1 and not about_us and not self._last
        return Lost(_why(phase, CLOSING, reply), throttled=True, try_again=had_its_day)

    def _start_over(self, *, content_expected: bool) -> None:
        """Make the connection ready for the next message after a refusal, or give it up."""
        try:
            if content_expected:
                # The server took DATA although it had refused the person: the empty content must now be ended, and
                # goes to nobody (RFC 2920, 3.1). Whatever it answers, RSET puts an end to it.
                self.send(b".\r\n")
                self.getreply()
            code, _ = self.rset()
        except OSError:
            code = -1
        if code != 250:
            self.close()

    def _judged(self, phase: str, code: int, reply: bytes) -> Outcome:
        result = Result.FAILED if 500 <= code < 600 else Result.RETRY
        return Outcome(self._parcel.delivery, result, _why(phase, code, reply), throttled=_throttled(code, reply))


class SecureConnection(Connection, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


def _throttled(code: int, reply: bytes) -> bool:
    """Whether a reply asks us to go slower, rather than saying something about this recipient.

    421 closes the channel on us, whoever the recipient is; X.4.5 is “mail system congestion” (RFC 3463; Google's
    “server busy”). X.7.x counts only in those words: Postfix says “450 4.7.1 Error: too much mail”, Outlook “451
    4.7.500 Server busy”, but greylisting and policies answer 4.7.1 as well, and those are about one recipient.
    Google's “450 4.2.1 … receiving mail too quickly” is about the recipient, too.
    """
    if code == CLOSING:
        return True
    if not 400 <= code < 500:
        return False
    enhanced = _enhanced(reply)
    return enhanced == "4.4.5" or (enhanced.startswith("4.7.") and bool(_TOO_MUCH.search(reply)))


def _enhanced(reply: bytes) -> str:
    found = _ENHANCED.match(reply)
    return found[0].decode() if found else ""


def _why(phase: str, code: int, reply: bytes) -> str:
    """Return the reason as phase, code and enhanced code, such as “rcpt-550 5.1.1”; never the server's words."""
    return f"{phase}-{code} {_enhanced(reply)}".rstrip()


@lru_cache(maxsize=64)
def ascii_sender(address: str) -> str:
    """`ascii_domain` of the address that everything comes from."""
    return ascii_domain(address)


def ascii_domain(address: str) -> str:
    """Return the address with its domain in ASCII (IDNA 2008). Raises ValueError for one no command may hold."""
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or _FORBIDDEN.search(address):
        raise ValueError("not an address")
    return address if domain.isascii() else f"{local}@{idna.encode(domain, uts46=True).decode()}"
