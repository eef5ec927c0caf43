"""Quoted-printable (RFC 2045) as prepared messages need it: safe on the wire whatever a value holds."""

import quopri

NEWLINE = b"\r\n"


def quoted_printable(text: str) -> bytes:
    """Quoted-printable (RFC 2045), CRLF line ends, no line that begins with a full stop or “From ”."""
    encoded = quopri.encodestring(text.replace("\r\n", "\n").encode(), quotetabs=False)
    return NEWLINE.join(piece for line in encoded.split(b"\n") for piece in _guarded(line))


def _guarded(line: bytes) -> list[bytes]:
    """Spell a line's dangerous beginning out, which makes it longer, and break it again where it must be."""
    if line.startswith(b"."):
        line = b"=2E" + line[1:]
    elif line.startswith(b"From "):
        line = b"=46rom " + line[5:]
    if len(line) <= 76:
        return [line]
    cut = _safe_cut(line, 72)
    return [line[:cut] + b"=", *_guarded(line[cut:])]


def _safe_cut(encoded: bytes, cut: int) -> int:
    """The nearest place up to `cut` that is not inside “=C3”."""
    while b"=" in encoded[cut - 2 : cut]:
        cut -= 1
    return cut


def short_last_line(encoded: bytes) -> bytes:
    """Leave room for the “=” of a soft line break at the end (RFC 2045: at most 76 characters a line)."""
    start = encoded.rfind(NEWLINE) + len(NEWLINE) if NEWLINE in encoded else 0
    if len(encoded) - start <= 75:
        return encoded
    cut = _safe_cut(encoded, start + 72)
    return encoded[:cut] + b"=" + NEWLINE + encoded[cut:]
