"""A message's content as it goes over the wire after SMTP's DATA (RFC 5321, 4.5.2)."""

import io
import re

END = b".\r\n"


def on_the_wire(content: bytes) -> bytes:
    """Return the content as DATA wants it: CRLF line ends, leading full stops doubled, the closing full stop.

    Bare CR or LF become CRLF: servers that take them for line ends could otherwise be shown a false end of content.
    """
    if not _has_crlf_only(content):
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    content = (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")
    return content + (END if content.endswith(b"\r\n") else b"\r\n" + END)


def needs_nothing(content: bytes) -> bool:
    """Whether the content goes over the wire as it is, but for the closing full stop."""
    return on_the_wire(content) == content + END


def _has_crlf_only(content: bytes) -> bool:
    """Whether no CR or LF stands alone: what the standard library's reader of text files notes in passing."""
    reader = io.IncrementalNewlineDecoder(None, translate=False)
    reader.decode(content.decode("latin-1"), final=True)
    return reader.newlines in {None, "\r\n"}
