"""Reading a file of services row by row, so that its size does not matter: Open Referral JSON, or CSV."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

CHUNK = 1 << 16  # characters
MAX_RECORD = 1 << 20  # characters of one service
MAX_BYTES = 512 * 1024 * 1024
COLUMNS = {"id", "name", "summary"}  # a CSV needs these; docs/open-data.md lists the others


class FileError(ValueError):
    """The file cannot be read (any further). The message is one sentence."""


def is_csv(path: Path) -> bool:
    """Whether it is a CSV: by its name or, when that says nothing, by its first character. Raises `FileError`."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"{path} is larger than {MAX_BYTES // 1024 // 1024} MB.")
        if path.suffix.lower() in (".csv", ".json"):
            return path.suffix.lower() == ".csv"
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(4096).lstrip()[:1] not in ("[", "{")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from error


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's number (the header is 1) and its cells by column, in lower case. Raises `FileError`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            columns = next(csv.reader([header], delimiter=_delimiter(header)), [])
            names = [name.strip().lower().replace(" ", "_") for name in columns]
            if missing := COLUMNS - set(names):
                raise FileError(f"The first row names no column “{min(missing)}”.")
            for number, cells in enumerate(csv.reader(file, delimiter=_delimiter(header)), start=2):
                if any(cell.strip() for cell in cells):
                    yield number, dict(zip(names, cells, strict=False))
    except UnicodeDecodeError as error:
        raise FileError("The file is not in UTF-8: save it as “CSV UTF-8”.") from error
    except csv.Error as error:
        raise FileError(f"The file is not a CSV: {error}.") from error


def json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Each service's number, from 1, and what stands there. Raises `FileError`.

    Takes a list, a page of an API (`contents`) or a single service, and holds one service at a time.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from enumerate(_services(_Reader(file)), start=1)
    except UnicodeDecodeError as error:
        raise FileError("The file is not in UTF-8.") from error
    except RecursionError as error:
        raise FileError("The file is nested too deeply to be a list of services.") from error


def _delimiter(header: str) -> str:
    return ";" if header.count(";") > header.count(",") else ","


def _services(reader: "_Reader") -> Iterator[Any]:
    opening = reader.peek()
    if opening == "[":
        yield from _elements(reader)
    elif opening == "{":
        yield from _of_object(reader)
    else:
        raise FileError("The file holds neither a list of services nor one service.")
    if reader.peek():
        raise FileError("Something follows after the end of the JSON.")


def _of_object(reader: "_Reader") -> Iterator[Any]:
    """The elements of `contents`, wherever in the object it stands; without one, the object itself."""
    reader.take("{")
    single: dict[str, Any] = {}
    paged, size = False, 0
    while reader.peek() != "}":
        key = reader.value()
        reader.take(":")
        if key == "contents" and reader.peek() == "[":
            paged = True
            yield from _elements(reader)
        else:
            start = reader.taken
            single[str(key)] = reader.value()
            size += reader.taken - start
            if size > MAX_RECORD:
                raise FileError(f"A service takes more than {MAX_RECORD:,} characters.")
        if reader.peek() != "}":
            reader.take(",")
    reader.take("}")
    if not paged:
        yield single


def _elements(reader: "_Reader") -> Iterator[Any]:
    reader.take("[")
    while reader.peek() != "]":
        yield reader.value()
        if reader.peek() != "]":
            reader.take(",")
    reader.take("]")


class _Reader:
    """Takes JSON values off a file one by one."""

    def __init__(self, file: IO[str]) -> None:
        self.file, self.buffer, self.place, self.ended, self.taken = file, "", 0, False, 0
        self.decoder = json.JSONDecoder(parse_constant=_no_constant)

    def peek(self) -> str:
        """The next character that is no blank; nothing at the end."""
        while True:
            while self.place < len(self.buffer) and self.buffer[self.place] in " \t\r\n":
                self.place += 1
            if self.place < len(self.buffer):
                return self.buffer[self.place]
            if not self._more():
                return ""

    def take(self, sign: str) -> None:
        if self.peek() != sign:
            raise FileError(f"The JSON is broken: “{sign}” was expected.")
        self.place += 1

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buffer, self.place)
            except ValueError as error:
                value, end = None, -1
                problem = error
            # What touches the end of what was read may go on beyond it.
            if end >= 0 and (end < len(self.buffer) or self.ended):
                self.taken += end - self.place
                self.place = end
                return value
            if len(self.buffer) - self.place > MAX_RECORD:
                raise FileError(f"The JSON is broken, or a service takes more than {MAX_RECORD:,} characters.")
            if not self._more() and end < 0:
                raise FileError(f"The JSON is broken: {problem.args[0]}.") from problem

    def _more(self) -> bool:
        self.buffer, self.place = self.buffer[self.place :], 0
        chunk = self.file.read(CHUNK)
        self.buffer += chunk
        self.ended = not chunk
        return bool(chunk)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
