"""Writes messages as `.eml` files: the embedded default, for demos and for looking at what would be sent."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from newsletter.transports.base import Outcome, Outgoing, Result, TransportUnavailable


class FileTransport:
    """Writes each message to `<folder>/<issue>-<delivery>.eml`: the same delivery twice is still one file."""

    name = "file"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """Make the folder, and raise TransportUnavailable when no file can be written there."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise self._unavailable(error) from error

    def send(self, messages: Iterable[Outgoing]) -> Iterator[Outcome]:
        """Write each message, yielding SENT once its file is in place.

        Raises TransportUnavailable when a file cannot be written (disk full, no permission): that message was then
        not handed over.
        """
        for message in messages:
            try:
                content = message.as_bytes()
            except Exception as error:  # a message that cannot be built must not stop the others
                yield Outcome(message.delivery, Result.FAILED, f"cannot-build-message: {type(error).__name__}")
                continue
            try:
                self._write(f"{message.issue}-{message.delivery:06d}.eml", content)
            except OSError as error:
                raise self._unavailable(error) from error
            yield Outcome(message.delivery, Result.SENT)

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, name: str, content: bytes) -> None:
        """Write beside the target and rename, so that a half-written message is never seen under its name."""
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, self._folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _unavailable(self, error: OSError) -> TransportUnavailable:
        why = (error.strerror or type(error).__name__).lower()
        return TransportUnavailable(
            f"Cannot write to {self._folder}: {why}; make it a folder with free space that this user may write to."
        )
