"""Words, as the search sees them: the same for what is indexed and for what is asked, on both databases."""

import re
import unicodedata
from dataclasses import dataclass

MOST_WORDS = 20  # of one search; nobody means more
LONGEST_WORD = 60
SHORTEST_BEGINNING = 3  # letters from which on the last word also stands for what begins with it
# Words that say nothing: all those of PostgreSQL's English configuration (`english.stop`), since SQLite knows none.
STOP_WORDS = frozenset(
    """a about above after again against all am an and any are as at be because been before being below between both but
    by can did do does doing don down during each few for from further had has have having he her here hers herself him
    himself his how i if in into is it its itself just me more most my myself no nor not now of off on once only or
    other our ours ourselves out over own s same she should so some such t than that the their theirs them themselves
    then there these they this those through to too under until up very was we were what when where which while who whom
    why will with you your yours yourself yourselves""".split()  # noqa: SIM905  read as prose
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

    Anything else that a search engine might take for an operator is a word or nothing. Words that say nothing are left
    out, but for those among the words of a phrase; where there are no others, there are no parts.
    """
    query = query.replace("“", '"').replace("”", '"')
    parts: list[Part] = []
    left = MOST_WORDS
    for found in _PART.finditer(query):
        words = tuple(words_in(found["phrase"] or found["plain"] or "")[:left])
        left -= len(words)
        if words:
            parts.append(Part(words, unwanted=bool(found["minus"])))
    return [part for part in parts if not STOP_WORDS.issuperset(part.words)]


def as_typed(parts: list[Part]) -> str:
    """The parts as somebody would type them: the reverse of `understand_words`."""
    texts = [f'"{" ".join(part.words)}"' if len(part.words) > 1 else part.words[0] for part in parts]
    return " ".join(f"-{text}" if part.unwanted else text for part, text in zip(parts, texts, strict=True))


def for_fts5(parts: list[Part], *, beginnings: bool = True) -> str:
    """The parts in the language of SQLite's FTS5, every word in quotation marks. Empty when none is wanted."""
    wanted = [f'"{" ".join(part.words)}"' for part in parts if not part.unwanted]
    unwanted = [f'"{" ".join(part.words)}"' for part in parts if part.unwanted]
    if not wanted:
        return ""
    if beginnings and _is_beginning(parts):
        wanted[-1] += "*"
    asked = " AND ".join(wanted)
    return f"({asked}) NOT ({' OR '.join(unwanted)})" if unwanted else asked


def for_tsquery(parts: list[Part], *, beginnings: bool = True) -> str:
    """The parts in the language of PostgreSQL's `to_tsquery`. Empty when none is wanted."""
    if all(part.unwanted for part in parts):
        return ""
    asked = [("!" if part.unwanted else "") + f"({' <-> '.join(part.words)})" for part in parts]
    if beginnings and _is_beginning(parts):
        asked[-1] = f"({asked[-1]} | {parts[-1].words[0]}:*)"
    return " & ".join(asked)


def _is_beginning(parts: list[Part]) -> bool:
    last = parts[-1]
    return not last.unwanted and len(last.words) == 1 and len(last.words[0]) >= SHORTEST_BEGINNING
