"""Words, as the search sees them: the same for what is indexed and for what is asked, on both databases."""

import re
import unicodedata
from dataclasses import dataclass

MOST_WORDS = 20  # of one search; nobody means more
LONGEST_WORD = 60
SHORTEST_BEGINNING = 3  # letters from which on the last word also stands for what begins with it
# Words that say nothing, as PostgreSQL's English configuration knows them; SQLite knows none.
STOP_WORDS = frozenset(
    """a about after again all am an and any are as at be been before being below between both but by can did do does
    doing down during each few for from further had has have having he her here hers him his how i if in into is it its
    just me more most my no nor not now of off on once only or other our out over own same she should so some such than
    that the their them then there these they this those through to too under until up very was we were what when where
    which while who whom why will with you your""".split()  # noqa: SIM905  read as prose
)
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")  # “children's” is one word
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<plain>[^\s"]+))')


def words_in(text: str) -> list[str]:
    """The words of a text, in lower case and without accents: letters and digits, nothing that means anything to SQL,
    FTS5 or `tsquery`."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [word[:LONGEST_WORD] for word in _WORD.findall(_APOSTROPHE.sub("", plain).lower())]


def as_words(text: str) -> str:
    """A text as the words in it, with a space between each."""
    return " ".join(words_in(text))


@dataclass(frozen=True)
class Part:
    """One or more words that must stand together; with `unwanted`, that must not be there."""

    words: tuple[str, ...]
    unwanted: bool = False


def understand_words(query: str) -> list[Part]:
    """What somebody typed: words, “words in quotation marks” that stand together, and -words that must not be there.

    Anything else that a search engine might take for an operator is a word or nothing. A search of unwanted words only
    asks for nothing.
    """
    query = query.replace("“", '"').replace("”", '"')
    parts: list[Part] = []
    left = MOST_WORDS
    for found in _PART.finditer(query):
        words = tuple(words_in(found["phrase"] or found["plain"] or "")[:left])
        left -= len(words)
        if words:
            parts.append(Part(words, unwanted=bool(found["minus"])))
    telling = [part for part in parts if len(part.words) > 1 or part.words[0] not in STOP_WORDS]
    parts = telling if any(not part.unwanted for part in telling) else parts
    return parts if any(not part.unwanted for part in parts) else []


def for_fts5(parts: list[Part], *, beginnings: bool = True) -> str:
    """The parts in the language of SQLite's FTS5, every word in quotation marks. Empty when there are none."""
    wanted = [f'"{" ".join(part.words)}"' for part in parts if not part.unwanted]
    unwanted = [f'"{" ".join(part.words)}"' for part in parts if part.unwanted]
    if wanted and beginnings and _is_beginning(parts):
        wanted[-1] += "*"
    asked = " AND ".join(wanted)
    return f"({asked}) NOT ({' OR '.join(unwanted)})" if unwanted else asked


def for_tsquery(parts: list[Part], *, beginnings: bool = True) -> str:
    """The parts in the language of PostgreSQL's `to_tsquery`. Empty when there are none."""
    asked = [("!" if part.unwanted else "") + f"({' <-> '.join(part.words)})" for part in parts]
    if asked and beginnings and _is_beginning(parts):
        asked[-1] = f"({asked[-1]} | {parts[-1].words[0]}:*)"
    return " & ".join(asked)


def _is_beginning(parts: list[Part]) -> bool:
    last = parts[-1]
    return not last.unwanted and len(last.words) == 1 and len(last.words[0]) >= SHORTEST_BEGINNING
