"""Where somebody is logged in: kept without IP addresses or browser names (quality.md 9).

allauth's own list stores both, so this one reads Django's sessions, which know only when their login began.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from membership.models import User

SINCE = "logged_in_at"  # in the session's own data


@dataclass(frozen=True)
class Login:
    """One browser in which an account is logged in. The handle names it without giving its key away."""

    key: str
    since: datetime | None

    @property
    def handle(self) -> str:
        return salted_hmac("membership.sessions", self.key, algorithm="sha256").hexdigest()


def mark(session: Any) -> None:
    """Note in a session when its login began."""
    session[SINCE] = timezone.now().isoformat()


def logins_of(user: User) -> list[Login]:
    """Return the live logins of an account, newest first.

    Reads every unexpired session, as these do not say whose they are outside their signed data: some 50
    microseconds each, for visitors get a session only when they log in.
    """
    found = []
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator(chunk_size=500):
        data = session.get_decoded()
        if data.get(SESSION_KEY) != str(user.pk):
            continue
        if constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            since = data.get(SINCE)
            found.append(Login(session.session_key, datetime.fromisoformat(since) if since else None))
    return sorted(found, key=lambda login: login.since.timestamp() if login.since else 0.0, reverse=True)


def end_logins(user: User, *, current: str, handle: str = "") -> int:
    """Log out the browser with this handle, or without one every browser but the current. Returns how many."""
    ended = 0
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    for login in logins_of(user):
        if login.key != current and handle in {"", login.handle}:
            store.delete(login.key)
            ended += 1
    return ended
