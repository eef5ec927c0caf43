"""A secret key of its own for every embedded installation."""

import os
import tempfile
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def local_secret_key(folder: Path) -> str:
    """Return the key kept in `folder/secret_key`, making it on first use (readable by its owner only).

    Several processes may start at once, so the key is written aside and then linked into place: whoever
    comes second reads the first one's key. Raises OSError when the folder cannot be written.
    """
    path = folder / "secret_key"
    if not path.exists():
        handle, aside = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w") as file:
            file.write(get_random_secret_key())
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(aside)
    return path.read_text()
