"""What an uploaded document really is: its content must be what its name says (quality.md 19).

Images are read by Wagtail itself, which refuses one whose content is another format than its name says, or none.
"""

import zipfile
from pathlib import PurePosixPath
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files import File
from wagtail.documents.forms import BaseDocumentForm

MAX_BYTES = 20 * 1024 * 1024
# A file that is packed: what it may hold once it is unpacked.
MAX_UNPACKED = 200 * 1024 * 1024
MAX_PARTS = 5000
LOOK_AT = 4096  # bytes at the beginning

# What makes each of the packed formats what it is: a part it must have, and for ODT what that part says.
PACKED = {
    "docx": ("word/document.xml", b""),
    "pptx": ("ppt/presentation.xml", b""),
    "xlsx": ("xl/workbook.xml", b""),
    "odt": ("mimetype", b"application/vnd.oasis.opendocument.text"),
}
PLAIN = ("csv", "txt")
# What a browser would take for a page or a picture with scripts, whatever its name says.
MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<svg", b"<?xml", b"<iframe", b"<img")
MACROS = ("vbaproject.bin", "basic/")

TOO_LARGE = f"This file is larger than {MAX_BYTES // 1024 // 1024} MB. Make it smaller, or link to it on the web."
NOT_WHAT_IT_SAYS = "This file is not a {} file, although its name says so. Save it again as one, then upload it."
WITH_MACROS = "This file contains macros. Save it without them, then upload it."


class DocumentForm(BaseDocumentForm):
    """Wagtail's form of a document, which also looks into the file."""

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if "file" in self.changed_data:
            check_document(file)
        return file


def check_document(file: File) -> None:
    """Look into an upload and leave it at its beginning. Raises ValidationError with a sentence for who uploads it."""
    if (file.size or 0) > MAX_BYTES:
        raise ValidationError(TOO_LARGE)
    extension = PurePosixPath(file.name or "").suffix.lower().lstrip(".")
    file.seek(0)
    beginning: bytes = file.read(LOOK_AT)
    file.seek(0)
    if extension == "pdf":
        fits = beginning.startswith(b"%PDF-")
    elif extension in PACKED:
        fits = beginning.startswith(b"PK\x03\x04") and _is_packed(file, extension)
    elif extension in PLAIN:
        fits = _is_plain(file, beginning)
    else:
        fits = False
    file.seek(0)
    if not fits:
        raise ValidationError(NOT_WHAT_IT_SAYS.format(extension.upper()))


def _is_plain(file: File, beginning: bytes) -> bool:
    """Text without a byte that no text has, and without markup at its beginning."""
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"%pdf", b"pk\x03\x04", *MARKUP)) or any(
        tag in start for tag in (b"<script", b"<svg", b"<html")
    ):
        return False
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, as Excel writes “Unicode text”
        return True
    file.seek(0)
    return all(b"\0" not in chunk for chunk in file.chunks())


def _is_packed(file: File, extension: str) -> bool:
    """A sound archive of a bearable size that has the part its format cannot do without."""
    needed, said = PACKED[extension]
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise ValidationError(TOO_LARGE)
            names = {part.filename.lower() for part in parts}
            if any(name.endswith(MACROS[0]) or name.startswith(MACROS[1]) for name in names):
                raise ValidationError(WITH_MACROS)
            if needed not in names:
                return False
            if not said:
                return "[content_types].xml" in names
            with archive.open(needed) as part:
                return part.read(len(said) + 1).strip() == said
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, OSError, ValueError, EOFError):
        return False
