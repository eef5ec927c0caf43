"""What misspelt words may have been meant to be: the nearest of the words that entries hold."""

from difflib import get_close_matches

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Length

from cms.matching import found_rows
from cms.models.search import SearchWord
from cms.words import understand_words

MOST_CORRECTED = 6  # words of one search
CANDIDATES = 3000
NEAR_ENOUGH = 0.72  # of 1, as difflib measures it
SHORTEST = 4


def correct(query: str) -> str:
    """The words of a search that found nothing, each that no entry holds replaced by the nearest one that some do.

    Empty when there is nothing to replace, or nothing near. Takes two queries.
    """
    words = [word for part in understand_words(query) if not part.unwanted for word in part.words]
    unknown = [word for word in _unknown(words[:MOST_CORRECTED]) if len(word) >= SHORTEST]
    if not unknown:
        return ""
    known = list(_candidates(unknown).values_list("word", flat=True)[:CANDIDATES])
    nearest = {word: next(iter(get_close_matches(word, known, 1, NEAR_ENOUGH)), "") for word in unknown}
    return " ".join(nearest.get(word, word) for word in words) if all(nearest.values()) else ""


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


def _candidates(words: list[str]) -> QuerySet[SearchWord]:
    """Words of about the same length with the same beginning; on PostgreSQL also those with the same pieces."""
    near = Q()
    for word in words:
        alike = Q(word__startswith=word[0], letters__range=(len(word) - 2, len(word) + 2))
        if connection.vendor == "postgresql":
            alike |= Q(word__trigram_similar=word)
        near |= alike
    return SearchWord.objects.annotate(letters=Length("word")).filter(near).order_by("word")
