"""Files that wait between the steps of an import: outside the web, for the person who uploaded them, for a day."""

import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

KEPT = timedelta(days=1)


def keep(content: bytes) -> str:
    """Keep a file and return the name under which `fetch` finds it. Files left behind are thrown away."""
    discard_old()
    token = secrets.token_urlsafe(24)
    path = _path(token)
    path.touch(mode=0o600)
    path.write_bytes(content)
    return token


def fetch(token: str) -> bytes | None:
    """Return a file, or None when it has gone."""
    path = _path(token)
    return path.read_bytes() if path.is_file() else None


def discard(token: str) -> None:
    _path(token).unlink(missing_ok=True)


def discard_old(before: datetime | None = None) -> int:
    """Throw away what was uploaded before a moment (by default a day ago); return how many. Retention calls it too."""
    moment = (before or timezone.now() - KEPT).timestamp()
    old = [path for path in _folder().iterdir() if path.stat().st_mtime < moment]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _path(token: str) -> Path:
    if not re.fullmatch(r"[\w-]{20,64}", token):
        raise ValueError("This is not the name of an upload.")
    return _folder() / token


def _folder() -> Path:
    folder = Path(settings.VAR_DIR) / "imports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
