"""Collecting: what came into the bounce mailbox is stored as it came, and only then taken out of it (ADR 24).

Killed anywhere, nothing is lost, and what was stored but not taken out yet is recognised by its digest. The intake
reads what was stored, like any other report.
"""

import imaplib
import math
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mailbox import Maildir
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from imap_tools.errors import ImapToolsError, MailboxFetchError, MailboxLoginError
from imap_tools.mailbox import MailBox
from imap_tools.utils import check_command_status

from newsletter import intake
from newsletter.returned import PROVIDER

KEPT = 256 * 1024  # bytes of a message: the report comes first, then what was sent back
LIMIT = 1000  # messages fetched in one go
GROUP = 50  # messages stored before they are taken out of the mailbox
TIMEOUT = 30  # seconds the server may take for an answer


class MailboxUnavailable(Exception):
    """The mailbox cannot be read now: one sentence that says what to do, without user or password."""


class Box(Protocol):
    """A mailbox that is open."""

    def keys(self) -> list[str]:
        """The messages in it, the oldest first."""

    def beginning(self, key: str) -> bytes | None:
        """The first `KEPT` bytes of a message; None when somebody else has taken it out."""

    def remove(self, keys: list[str]) -> None:
        """Take messages out for good. One that has gone does not matter."""


@dataclass(frozen=True)
class Collected:
    """How many messages were stored, and whether more are waiting."""

    stored: int = 0
    left: bool = False


def collect(*, limit: int = LIMIT, seconds: float = math.inf) -> Collected:
    """Store the oldest messages of BOUNCE_MAILBOX and take them out of it, at most `limit`, until the time is over.

    May be run twice, and by several at once. Raises MailboxUnavailable, and ImproperlyConfigured when it is not set.
    """
    until = time.monotonic() + seconds
    stored = done = 0
    with opened() as box:
        keys = box.keys()
        for start in range(0, min(len(keys), limit), GROUP):
            if time.monotonic() > until:
                break
            group = keys[start : min(start + GROUP, limit)]
            safe = []
            for key in group:
                if (body := box.beginning(key)) is not None:
                    intake.keep(provider=PROVIDER, body=body, headers={})
                    safe.append(key)
            box.remove(safe)
            stored += len(safe)
            done += len(group)
    return Collected(stored, left=done < len(keys))


@contextmanager
def opened() -> Iterator[Box]:
    """Open the mailbox that BOUNCE_MAILBOX names."""
    scheme, where = parsed(settings.BOUNCE_MAILBOX)
    try:
        if scheme == "maildir":
            yield _Folder(where)
        else:
            parts = urlsplit(settings.BOUNCE_MAILBOX)
            trust = ssl.create_default_context()  # imaplib's own would trust anybody
            with MailBox(where, parts.port or 993, timeout=TIMEOUT, ssl_context=trust) as box:
                user, password = unquote(parts.username or ""), unquote(parts.password or "")
                box.login(user, password, initial_folder=unquote(parts.path.strip("/")) or "INBOX")
                yield _Account(box)
    except MailboxLoginError as error:
        raise MailboxUnavailable("The bounce mailbox refuses us: check user and password in BOUNCE_MAILBOX.") from error
    except (OSError, ImapToolsError, imaplib.IMAP4.error) as error:
        raise MailboxUnavailable(
            f"The bounce mailbox cannot be read ({type(error).__name__}): check BOUNCE_MAILBOX, then try again."
        ) from error


def parsed(address: str) -> tuple[str, str]:
    """What BOUNCE_MAILBOX says: “maildir” and its folder, or “imaps” and its host. Raises ImproperlyConfigured."""
    try:
        parts = urlsplit(address)
        port = parts.port  # ValueError when it is no number
    except ValueError:
        raise ImproperlyConfigured("BOUNCE_MAILBOX is not an address.") from None
    if parts.scheme == "maildir" and not parts.netloc and parts.path.startswith("/"):
        return "maildir", unquote(parts.path)
    if parts.scheme == "imaps" and parts.hostname and parts.username and parts.password and port != 143:
        return "imaps", parts.hostname
    raise ImproperlyConfigured("BOUNCE_MAILBOX is neither maildir:///folder nor imaps://user:password@host/INBOX.")


class _Folder:
    """A Maildir, of which the mail server only adds messages that are complete."""

    def __init__(self, folder: str) -> None:
        if not all((Path(folder) / name).is_dir() for name in ("new", "cur")):
            raise MailboxUnavailable(f"{folder} is no Maildir: it needs the folders new, cur and tmp.")
        self._box = Maildir(folder, create=False)

    def keys(self) -> list[str]:
        return sorted(self._box.keys())  # they begin with the time

    def beginning(self, key: str) -> bytes | None:
        try:
            with self._box.get_file(key) as file:
                return bytes(file.read(KEPT))
        except (KeyError, FileNotFoundError):
            return None

    def remove(self, keys: list[str]) -> None:
        for key in keys:
            self._box.discard(key)


class _Account:
    """An IMAP mailbox, in the folder that was asked for."""

    def __init__(self, box: MailBox) -> None:
        self._box = box

    def keys(self) -> list[str]:
        return self._box.uids("UNDELETED", charset=None)

    def beginning(self, key: str) -> bytes | None:
        # Asked of imaplib: imap-tools fetches whole messages only, and one may be huge.
        answer = self._box.client.uid("FETCH", key, f"(BODY.PEEK[]<0.{KEPT}>)")
        check_command_status(answer, MailboxFetchError)
        parts = [part[1] for part in answer[1] if isinstance(part, tuple)]
        return bytes(parts[0]) if parts else None

    def remove(self, keys: list[str]) -> None:
        self._box.delete(keys)
