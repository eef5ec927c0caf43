"""What misspelt words may have been meant to be: the nearest of the words that entries hold."""

from dataclasses import replace
from difflib import get_close_matches

from django.contrib.postgres.search import TrigramSimilarity
from django.db import connection
from django.db.models import Case, Q, QuerySet, Value, When
from django.db.models.functions import Abs, Length

from cms.matching import found_rows
from cms.models.search import SearchWord
from cms.words import as_typed, understand_words

MOST_CORRECTED = 4  # words of one search
CANDIDATES = 750  # for each of them
NEAR_ENOUGH = 0.72  # of 1, as difflib measures it
SHORTEST = 4


def correct(query: str) -> str:
    """A search that found nothing, with each word that no entry holds replaced by the nearest one that some do.

    Phrases and unwanted words stay what they are. Empty when there is nothing to replace, too much, or nothing near.
    Takes a query, and one more for each word to replace.
    """
    parts = understand_words(query)
    words = list(dict.fromkeys(word for part in parts if not part.unwanted for word in part.words))
    unknown = [word for word in _unknown(words) if len(word) >= SHORTEST]
    if not 0 < len(unknown) <= MOST_CORRECTED:
        return ""
    nearest: dict[str, str] = {}
    for word in unknown:
        # Words of entries since changed are still known: the mistake itself may be among them.
        known = list(_candidates(word).exclude(word__in=unknown).values_list("word", flat=True)[:CANDIDATES])
        near = get_close_matches(word, known, 1, NEAR_ENOUGH)
        if not near:
            return ""
        nearest[word] = near[0]
    return as_typed(
        [
            part if part.unwanted else replace(part, words=tuple(nearest.get(word, word) for word in part.words))
            for part in parts
        ]
    )


def _unknown(words: list[str]) -> list[str]:
    """Those of the words that no entry holds (one query)."""
    if not words:
        return []
    asked = [found_rows(word) for word in words]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f'EXISTS ({one.sql})' for one in asked)}",
            [param for one in asked for param in one.params],
        )
        held = cursor.fetchone()
    return [word for word, found in zip(words, held, strict=True) if not found]


def _candidates(word: str) -> QuerySet[SearchWord]:
    """Words of about the same length with the same beginning, on PostgreSQL also those with the same pieces; the most
    alike first."""
    letters = len(word)
    alike = Q(word__startswith=word[0], letters__range=(letters - 2, letters + 2))
    words = SearchWord.objects.annotate(letters=Length("word"))
    if connection.vendor == "postgresql":
        alike |= Q(word__trigram_similar=word)
        return words.filter(alike).order_by(TrigramSimilarity("word", word).desc(), "word")
    other_second = Case(When(word__startswith=word[:2], then=Value(0)), default=Value(1))
    return words.filter(alike).order_by(Abs(Length("word") - letters) + other_second, "word")
