"""The file of a backup: one tar, read and written as a stream, with a manifest of what is in it at its end.

database.dump | database.sqlite3 · erasures.jsonl · media/… · manifest.json
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

FORMAT = 1
MANIFEST, JOURNAL, MEDIA = "manifest.json", "erasures.jsonl", "media/"
CHUNK = 1024 * 1024

Progress = Callable[[int], None]  # told how many bytes were moved


class BackupError(ValueError):
    """Why a backup cannot be made, read or put back, and what to do, in one sentence."""


@dataclass(frozen=True)
class Part:
    """A file of the archive, or all media together: then the hash is over their names and hashes, in order."""

    name: str
    files: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    version: str  # of the service
    taken_at: str  # whatever was committed before this moment is in it
    database: str  # `postgresql` or `sqlite`
    counts: dict[str, int]  # rows by table
    migrations: list[str]  # `app.name`
    key: str  # by which ADDRESS_HASH_KEY is known again
    parts: list[Part] = field(default_factory=list)
    format: int = FORMAT

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.taken_at)

    @property
    def database_file(self) -> str:
        return "database.dump" if self.database == "postgresql" else "database.sqlite3"

    @classmethod
    def read(cls, text: bytes) -> "Manifest":
        try:
            values: dict[str, Any] = json.loads(text)
            if values.get("format") != FORMAT:
                raise BackupError("This backup was made by another version of the service: restore it with that one.")
            return cls(**values | {"parts": [Part(**one) for one in values["parts"]]})
        except (TypeError, KeyError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise BackupError("The manifest of this backup cannot be read: use another backup.") from error


class _Hashing(io.RawIOBase):
    """Reads a file, and hashes what it has read."""

    def __init__(self, source: IO[bytes], progress: Progress | None) -> None:
        self.source, self.progress, self.sha = source, progress, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        found = self.source.read(size)
        self.sha.update(found)
        if self.progress:
            self.progress(len(found))
        return found


class _Media:
    """The running hash of the media."""

    def __init__(self) -> None:
        self.files = self.size = 0
        self.sha = hashlib.sha256()

    def add(self, name: str, size: int, digest: str) -> None:
        self.files, self.size = self.files + 1, self.size + size
        self.sha.update(f"{name}\0{size}\0{digest}\n".encode(errors="surrogateescape"))

    def part(self) -> Part:
        return Part(MEDIA, self.files, self.size, self.sha.hexdigest())


class Writer:
    """Writes an archive into a file that need not be seekable."""

    def __init__(self, to: IO[bytes], progress: Progress | None = None) -> None:
        self.tar = tarfile.open(fileobj=to, mode="w|", bufsize=CHUNK)  # noqa: SIM115  closed in `finish`
        self.progress, self.parts, self.media = progress, list[Part](), _Media()

    def add(self, name: str, path: Path) -> None:
        with path.open("rb") as source:
            size, digest = self._put(name, source, path.stat().st_size, 0)
        self.parts.append(Part(name, 1, size, digest))

    def add_media(self, name: str, path: Path) -> None:
        """One media file, by its name below the media folder. One that has just gone is passed over."""
        try:
            source = path.open("rb")
        except FileNotFoundError:
            return
        with source:
            status = path.stat()
            self.media.add(name, *self._put(MEDIA + name, source, status.st_size, status.st_mtime))

    def finish(self, manifest: Manifest) -> None:
        text = json.dumps(asdict(manifest), indent=1).encode()
        self._put(MANIFEST, io.BytesIO(text), len(text), 0)
        self.tar.close()

    def _put(self, name: str, source: IO[bytes], size: int, mtime: float) -> tuple[int, str]:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = size, 0o600, int(mtime)
        hashing = _Hashing(source, self.progress)
        self.tar.addfile(entry, hashing)
        self.tar.members = []  # type: ignore[attr-defined]  # tarfile would keep a note of each
        return size, hashing.sha.hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes], int]]]:
    """Yield name, content and size of each file in an archive, in order; nothing but plain files is believed."""
    try:
        tar = tarfile.open(path, mode="r:", bufsize=CHUNK)  # noqa: SIM115  closed below
    except FileNotFoundError as error:
        raise BackupError(f"There is no file {path}.") from error
    except tarfile.TarError as error:
        raise BackupError(f"{path} is not a backup of this service, or is damaged: use another.") from error

    def files() -> Iterator[tuple[str, IO[bytes], int]]:
        while entry := tar.next():
            tar.members = []  # type: ignore[attr-defined]
            content = tar.extractfile(entry) if entry.isreg() else None
            parts = PurePosixPath(entry.name).parts
            if content is None or entry.name.startswith("/") or ".." in parts:
                raise BackupError(f"{path} holds something that is no plain file: it was not made by `backup`.")
            yield entry.name, content, entry.size

    with tar:
        try:
            yield files()
        except tarfile.TarError as error:
            raise BackupError(f"{path} ends too early or is damaged: use another backup.") from error


def check(path: Path, progress: Progress | None = None) -> Manifest:
    """Read all of an archive and compare every hash; return its manifest. Raises BackupError."""
    found: list[Part] = []
    media, manifest = _Media(), None
    with reading(path) as files:
        for name, content, size in files:
            if name == MANIFEST:
                manifest = Manifest.read(content.read(size))
                continue
            hashing = _Hashing(content, progress)
            while hashing.read(CHUNK):
                pass
            if name.startswith(MEDIA):
                media.add(name.removeprefix(MEDIA), size, hashing.sha.hexdigest())
            else:
                found.append(Part(name, 1, size, hashing.sha.hexdigest()))
    if not manifest:
        raise BackupError(f"{path} has no manifest, so it is not complete: use another backup.")
    differing = {one.name for one in {*found, media.part()} ^ {*manifest.parts}}
    if differing:
        raise BackupError(f"{path} is damaged ({', '.join(sorted(differing))}): use another backup.")
    return manifest


def extract(path: Path, name: str, to: Path) -> None:
    """Write one file of an archive into a file that only we may read."""
    with reading(path) as files:
        for found, content, _ in files:
            if found == name:
                to.touch(0o600)
                with to.open("wb") as target:
                    copy(content, target)
                return
    raise BackupError(f"{path} holds no {name}: use another backup.")


def copy(source: IO[bytes], target: IO[bytes], progress: Progress | None = None) -> None:
    while chunk := source.read(CHUNK):
        target.write(chunk)
        if progress:
            progress(len(chunk))
