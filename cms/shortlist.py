"""The entries an adviser has picked for one enquirer, kept in the adviser's session until they are sent or printed."""

import secrets
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from cms.models import Entry
from cms.open_data import open_entries

NAME = "signposting"  # in the session
MOST = 20  # entries; nobody reads more


class Shortlist:
    """Reads and changes the list in a session. The session holds ids and two keys, and nothing about the enquirer.

    `key` names the list as it stands: it changes with every change, so that only what the adviser saw is ever sent, and
    only once.
    """

    def __init__(self, session: SessionBase) -> None:
        self._session = session
        kept: dict[str, Any] = session.get(NAME) or {}
        self.pks: list[int] = list(kept.get("entries", []))
        self.key: str = kept.get("key", "")
        self.answered: str = kept.get("answered", "")  # the key of the list that was sent or printed last
        if not self.key:
            self._keep()

    @property
    def full(self) -> bool:
        return len(self.pks) >= MOST

    def add(self, pk: int) -> bool:
        """Put an open entry at the end. False when the list is full or there is no such entry."""
        if pk in self.pks:
            return True
        if self.full or not open_entries().filter(pk=pk).exists():
            return False
        self.pks.append(pk)
        self._keep()
        return True

    def remove(self, pk: int) -> None:
        if pk in self.pks:
            self.pks.remove(pk)
            self._keep()

    def move(self, pk: int, by: int) -> None:
        """Move an entry up (-1) or down (1); at the end of the list it stays."""
        if pk not in self.pks:
            return
        place = self.pks.index(pk)
        other = place + by
        if 0 <= other < len(self.pks):
            self.pks[place], self.pks[other] = self.pks[other], self.pks[place]
            self._keep()

    def close(self) -> None:
        """Begin an empty list, and remember the key of this one."""
        self.pks, self.answered = [], self.key
        self._keep()

    def entries(self) -> list[Entry]:
        """The picked entries in their order, each with its kind's own facts. What was taken down or
        put behind page privacy since is left out.

        At most one query for each kind and four more, however long the list.
        """
        found = {entry.pk: entry for entry in open_entries().filter(pk__in=self.pks).specific()}
        return [found[pk] for pk in self.pks if pk in found]

    def _keep(self) -> None:
        self.key = secrets.token_urlsafe(12)
        self._session[NAME] = {"entries": self.pks, "key": self.key, "answered": self.answered}
