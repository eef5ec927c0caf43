"""Hands messages to an SMTP server over a few connections at once, worked in turn by one thread.

While the server reads one message, or thinks about it, the next one's envelope is on its way over another
connection: the waiting overlaps, and still every failure's phase is known (`smtp_connection`). Nothing is retried
behind the caller's back but an envelope whose connection went, once, on a fresh connection.
"""

import contextlib
import smtplib
import ssl
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import cached_property

from django.core.mail import DNS_NAME

from newsletter.transports.base import Outcome, Outgoing, Result, TransportUnavailable
from newsletter.transports.smtp_connection import Connection, Lost, Parcel, SecureConnection, ascii_domain, pack

PAUSE = 0.25  # seconds: whoever takes that long to find the next message should not keep others in the air meanwhile
REFUSED_PAUSE = 30  # seconds without asking for one more connection after one was refused
GOODBYE = 2  # seconds a server may take to answer QUIT
# Not every Exception: Celery's soft time limit is one, and may strike while a message is built.
UNBUILDABLE = (ValueError, LookupError, TypeError, AttributeError)


class SmtpTransport:
    """Keeps up to `connections` connections to one SMTP server, each opened when it is first needed.

    `timeout` is in seconds; `sender` is offered once by `check()`. `return_path` makes the envelope's sender out of
    the delivery's number, where mail comes back to; without it that is the message's own sender.
    """

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
        connections: int = 4,
        return_path: Callable[[int], str] | None = None,
        name: str = "smtp",
    ) -> None:
        self.name = name
        self._host, self._port = host, port
        self._user, self._password = user, password
        self._use_tls, self._use_ssl = use_tls, use_ssl
        self._timeout = timeout
        self._sender = return_path(1) if return_path else sender
        self._named = "BOUNCE_ADDRESS" if return_path else "NEWS_FROM"  # the setting that the sender is from
        self._return_path = return_path
        self._connections = max(1, connections)
        self._idle: deque[Connection] = deque()
        self._under_way: deque[tuple[Connection, Parcel]] = deque()  # the one written to longest ago comes first
        self._no_more_until = 0.0

    def check(self) -> None:
        """Connect, log in and offer our sender; raise TransportUnavailable when any of it is refused.

        The sender is offered because a relay that will not send for us says so only then (530, 550), and that
        would otherwise fail every member of an issue that has been frozen.
        """
        self.close()
        connection = self._connected()
        self._idle.append(connection)
        if not self._sender:
            return
        try:
            code, _ = connection.mail(ascii_domain(self._sender))
            connection.rset()
        except (OSError, ValueError) as error:
            self._drop_all()
            raise self._unavailable("closed the connection", "try again in a while") from error
        if not 200 <= code < 300:
            raise self._unavailable(f"refuses our sender ({code})", f"check {self._named} and the user in EMAIL_URL")

    def send(self, messages: Iterable[Outgoing]) -> Iterator[Outcome]:
        """Hand each message over and say what became of it, in the order in which that turns out.

        Up to `connections` messages are under way when the next is asked for; none while `messages` is slow to
        come up with one (but for the first time it is), and none at the end. Raises TransportUnavailable when no
        connection can be had for the message taken last, and none is left that has another under way. After any
        other error, also one of the caller's, connections with a message under way are dropped, because their
        conversation cannot be taken up again.
        """
        try:
            asked = time.monotonic()
            for message in messages:
                slow = time.monotonic() - asked > PAUSE
                yield from self._hand_over(message)
                if slow:
                    yield from self._finish()
                asked = time.monotonic()
            yield from self._finish()
        finally:
            self._drop_busy()

    def close(self) -> None:
        """Say goodbye; a server that has gone already does not matter."""
        for connection in self._idle:
            with contextlib.suppress(OSError):
                if connection.sock:
                    connection.sock.settimeout(min(GOODBYE, self._timeout))
                connection.quit()
        self._drop_all()

    def _hand_over(self, message: Outgoing) -> Iterator[Outcome]:
        """Begin this message, and bring others as much further as it takes to have a connection free for it."""
        try:
            parcel = pack(message, self._return_path)
        except UNBUILDABLE as error:  # a message that cannot be built must not stop the others
            yield Outcome(message.delivery, Result.FAILED, f"cannot-build-message: {type(error).__name__}")
            return
        connection = yield from self._free()
        yield from self._begin(connection, parcel)

    def _free(self) -> Generator[Outcome, None, Connection]:
        """Return a connection with nothing under way: a kept one, one more, or the one that is done first."""
        while not self._idle:
            busy = len(self._under_way)
            if not busy or (busy < self._connections and time.monotonic() >= self._no_more_until):
                try:
                    return self._connected()
                except TransportUnavailable:
                    if not busy:
                        raise
                    self._no_more_until = time.monotonic() + REFUSED_PAUSE  # go on with those we have
            yield from self._proceed()
        return self._idle.popleft()

    def _begin(self, connection: Connection, parcel: Parcel, *, last: bool = False) -> Iterator[Outcome]:
        self._under_way.append((connection, parcel))
        try:
            outcome = connection.begin(parcel, last=last)
        except Lost as lost:
            self._under_way.pop()
            yield from self._once_more(parcel, lost)
        else:
            if outcome:
                yield self._done(outcome)

    def _proceed(self) -> Iterator[Outcome]:
        """Take the message whose answer has been awaited longest one step further."""
        connection, parcel = self._under_way[0]
        try:
            outcome = connection.proceed()
        except Lost as lost:
            self._under_way.popleft()
            yield from self._once_more(parcel, lost)
        else:
            self._under_way.rotate(-1)
            if outcome:
                yield self._done(outcome)

    def _once_more(self, parcel: Parcel, lost: Lost) -> Iterator[Outcome]:
        """Begin a message that was lost with its connection on a fresh one, if that may help."""
        if lost.try_again:
            try:
                connection = self._connected()
            except TransportUnavailable:
                pass
            else:
                yield from self._begin(connection, parcel, last=True)
                return
        yield Outcome(parcel.delivery, Result.RETRY, lost.reason, throttled=lost.throttled)

    def _finish(self) -> Iterator[Outcome]:
        while self._under_way:
            yield from self._proceed()

    def _done(self, outcome: Outcome) -> Outcome:
        """Put the connection that was used last aside for another message, if it is still good."""
        connection, _ = self._under_way.pop()
        if connection.alive:
            self._idle.append(connection)
        return outcome

    def _drop_busy(self) -> None:
        for connection, _ in self._under_way:
            connection.close()
        self._under_way.clear()

    def _drop_all(self) -> None:
        self._drop_busy()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _connected(self) -> Connection:
        """Return a new connection, greeted, encrypted and logged in as asked for. Raises TransportUnavailable."""
        connection: Connection | None = None
        try:
            if self._use_ssl:
                connection = SecureConnection(
                    self._host, self._port, str(DNS_NAME), timeout=self._timeout, context=self._trust
                )
            else:
                connection = Connection(self._host, self._port, str(DNS_NAME), timeout=self._timeout)
            if self._use_tls:
                connection.starttls(context=self._trust)
            connection.ehlo_or_helo_if_needed()
            if self._user:
                connection.login(self._user, self._password)
        except (OSError, ValueError) as error:
            if connection:
                connection.close()
            raise self._refused(error) from error
        return connection

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
