"""Hands messages to an SMTP server step by step, so that the phase of every failure is known.

Until the server has answered 354 and content begins to flow nothing can have been accepted (RFC 5321, 4.1.1.4):
whatever fails before is safe to try again. Once content flows, only the server's final reply proves anything.
Nothing is retried behind the caller's back but the envelope, once, on a fresh connection.
"""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence

import idna
from django.core.mail import DNS_NAME

from newsletter.transports.base import Outcome, Outgoing, Result, TransportUnavailable

CLOSING = 421  # "service not available, closing transmission channel": may come in answer to any command
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")  # RFC 3463; all of a reply that is safe to keep
_QUEUED_AS = re.compile(rb"queued as ([A-Za-z0-9._-]{4,64})(?=\s|$)")  # Postfix, and those who imitate it


class _Lost(Exception):
    """The connection went before any content was sent: nothing was accepted."""


class SmtpTransport:
    """One kept connection to one SMTP server. `timeout` is in seconds; `sender` is offered once by `check()`."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str = "",
        password: str = "",
        use_tls: bool = False,
        use_ssl: bool = False,
        timeout: float = 30,
        sender: str = "",
    ) -> None:
        self._host, self._port = host, port
        self._user, self._password = user, password
        self._use_tls, self._use_ssl = use_tls, use_ssl
        self._timeout = timeout
        self._sender = sender
        self._smtp: smtplib.SMTP | None = None

    def check(self) -> None:
        """Connect, log in and offer our sender; raise TransportUnavailable when any of it is refused.

        The sender is offered because a relay that will not send for us says so only then (530, 550), and that
        would otherwise fail every member of an issue that has been frozen.
        """
        self.close()
        smtp = self._connected()
        if not self._sender:
            return
        try:
            code, _ = smtp.mail(_ascii_domain(self._sender))
            smtp.rset()
        except (OSError, ValueError) as error:
            self._drop()
            raise self._unavailable("closed the connection", "try again in a while") from error
        if not 200 <= code < 300:
            raise self._unavailable(f"refuses our sender ({code})", "check NEWS_FROM and the user in EMAIL_URL")

    def send(self, messages: Sequence[Outgoing]) -> Iterator[Outcome]:
        """Hand over each message. Raises TransportUnavailable when no connection can be made for the next one."""
        for message in messages:
            yield self._hand_over(message)

    def close(self) -> None:
        """Say goodbye; a server that has gone already does not matter."""
        if self._smtp:
            with contextlib.suppress(OSError):
                self._smtp.quit()
        self._drop()

    def _hand_over(self, message: Outgoing) -> Outcome:
        try:
            sender, recipient = _ascii_domain(message.sender), _ascii_domain(message.recipient)
            content = message.as_bytes()
        except Exception as error:  # a message that cannot be built must not stop the others
            return Outcome(message.delivery, Result.FAILED, f"cannot-build-message: {type(error).__name__}")
        for attempt in (1, 2):
            try:
                smtp = self._connected()
            except TransportUnavailable:
                if attempt == 1:
                    raise
                break
            try:
                return self._transaction(smtp, message.delivery, sender, recipient, content)
            except _Lost:
                self._drop()  # perhaps only the kept connection had grown too old: one fresh one is tried
            except BaseException:
                self._drop()  # a time limit struck half-way: the conversation cannot be taken up again
                raise
        return Outcome(message.delivery, Result.RETRY, "connection-lost-before-data")

    def _transaction(self, smtp: smtplib.SMTP, delivery: int, sender: str, recipient: str, content: bytes) -> Outcome:
        """Run MAIL, RCPT, DATA and the content. Raises _Lost as long as nothing can have been accepted."""
        options = [f"SIZE={len(content)}"] if smtp.has_extn("size") else []
        if not content.isascii() and smtp.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        head = content.partition(b"\r\n\r\n")[0]
        if not (sender.isascii() and recipient.isascii() and head.isascii()):
            if not smtp.has_extn("smtputf8"):
                return Outcome(delivery, Result.FAILED, "smtputf8-unsupported")
            options.append("SMTPUTF8")
        steps: tuple[tuple[str, Callable[[], tuple[int, bytes]], tuple[int, ...]], ...] = (
            ("mail", lambda: smtp.mail(sender, options), (250,)),
            ("rcpt", lambda: smtp.rcpt(recipient), (250, 251, 252)),
            ("data", lambda: smtp.docmd("DATA"), (354,)),
        )
        try:
            for phase, step, expected in steps:
                code, reply = step()
                if code == CLOSING:
                    raise _Lost
                if code not in expected:
                    self._reset(smtp)
                    result = Result.FAILED if 500 <= code < 600 else Result.RETRY
                    return Outcome(delivery, result, _why(phase, code, reply))
        except OSError as error:  # every smtplib error is one, too
            raise _Lost from error
        return self._content(smtp, delivery, content)

    def _content(self, smtp: smtplib.SMTP, delivery: int, content: bytes) -> Outcome:
        """Send the content and read the one reply that decides. From here on silence means UNKNOWN."""
        try:
            smtp.send(_stuffed(content))
            code, reply = smtp.getreply()
        except OSError:
            self._drop()
            return Outcome(delivery, Result.UNKNOWN, "connection-lost-after-data")
        why = _why("content", code, reply)
        if 200 <= code < 300:
            queued = _QUEUED_AS.search(reply)
            return Outcome(delivery, Result.SENT, message_id=queued[1].decode() if queued else "")
        if code == CLOSING:
            self._drop()
        if 400 <= code < 500:
            return Outcome(delivery, Result.RETRY, why)
        if 500 <= code < 600:
            return Outcome(delivery, Result.FAILED, why)
        self._drop()  # whatever it is saying, it is not in answer to us
        return Outcome(delivery, Result.UNKNOWN, why)

    def _reset(self, smtp: smtplib.SMTP) -> None:
        """Make the connection ready for the next message, or give it up."""
        try:
            code, _ = smtp.rset()
        except OSError:
            code = -1
        if code != 250:
            self._drop()

    def _drop(self) -> None:
        if self._smtp:
            self._smtp.close()
        self._smtp = None

    def _connected(self) -> smtplib.SMTP:
        if self._smtp:
            return self._smtp
        smtp: smtplib.SMTP | None = None
        try:
            context = ssl.create_default_context()
            if self._use_ssl:
                smtp = smtplib.SMTP_SSL(self._host, self._port, str(DNS_NAME), timeout=self._timeout, context=context)
            else:
                smtp = smtplib.SMTP(self._host, self._port, str(DNS_NAME), timeout=self._timeout)
            if self._use_tls:
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if self._user:
                smtp.login(self._user, self._password)
        except (OSError, ValueError) as error:
            if smtp:
                smtp.close()
            raise self._refused(error) from error
        self._smtp = smtp
        return smtp

    def _refused(self, error: Exception) -> TransportUnavailable:
        """Say why no connection came about. The server's words are left out: they may repeat addresses."""
        if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:
            return self._unavailable("refused the user name and password", "check EMAIL_URL")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return self._unavailable("does not offer the encryption or the login asked for", "check EMAIL_URL")
        if isinstance(error, ssl.SSLError):
            return self._unavailable("cannot be trusted (TLS)", "check its certificate and the host in EMAIL_URL")
        if isinstance(error, smtplib.SMTPResponseException):
            return self._unavailable(f"takes no mail at present ({error.smtp_code})", "try again in a while")
        return self._unavailable("cannot be reached", "check EMAIL_URL and the network, then try again")

    def _unavailable(self, what: str, todo: str) -> TransportUnavailable:
        return TransportUnavailable(f"The SMTP server at {self._host}:{self._port} {what}: {todo}.")


def _why(phase: str, code: int, reply: bytes) -> str:
    """Return the reason as phase, code and enhanced code, such as “rcpt-550 5.1.1”; never the server's words."""
    enhanced = _ENHANCED.match(reply)
    return f"{phase}-{code} {enhanced[0].decode()}" if enhanced else f"{phase}-{code}"


def _ascii_domain(address: str) -> str:
    """Return the address with its domain in ASCII (IDNA 2008). Raises ValueError for one no command may hold."""
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or re.search(r"[\x00-\x20\x7f<>]", address):
        raise ValueError("not an address")
    return address if domain.isascii() else f"{local}@{idna.encode(domain, uts46=True).decode()}"


def _stuffed(content: bytes) -> bytes:
    """Return the content as DATA wants it: CRLF line ends, leading full stops doubled, the closing full stop.

    Bare CR or LF become CRLF: servers that take them for line ends could otherwise be shown a false end of content.
    """
    ends = content.count(b"\r\n")
    if content.count(b"\n") != ends or content.count(b"\r") != ends:
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
