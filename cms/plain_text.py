"""What strangers type, made harmless: plain text of one line or of many, and paragraphs of escaped HTML."""

import re
import unicodedata

from django.utils.html import escape

# Marks that turn the direction of text around, and the mark that begins some files: never seen, and used to deceive.
UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
LINE_ENDS = re.compile("\r\n?|\u0085|\u2028|\u2029")


def one_line(text: str) -> str:
    """Return text as one line: no control or direction characters, each run of white space one space."""
    return " ".join(many_lines(text).split())


def many_lines(text: str) -> str:
    """Return text with its line breaks as newlines, without other control or direction characters."""
    text = LINE_ENDS.sub("\n", unicodedata.normalize("NFC", text)).replace("\t", " ")
    text = UNSEEN.sub("", text)
    # Cc: control characters; Cs: halves of a character, which no database takes.
    return "".join(one for one in text if one == "\n" or unicodedata.category(one) not in {"Cc", "Cs"}).strip()


def paragraphs(text: str) -> str:
    """Return plain text as HTML that says just that: blank lines part paragraphs, single ones break the line."""
    blocks = re.split(r"\n\s*\n", many_lines(text))
    return "".join(f"<p>{escape(block.strip()).replace(chr(10), '<br/>')}</p>" for block in blocks if block.strip())
