"""Words that found nothing, for editors: what readers look for and we do not have. Words only, never by whom."""

import re
from datetime import date

from django.db import transaction
from django.db.models import F, QuerySet

from cms.models.care import FruitlessSearch
from cms.words import understand_words

LONGEST = 120
MOST = 5000  # different words that are kept; beyond that, only known ones are counted
MOST_DIGITS = 4  # five and more may be a telephone number or a date of birth
PRISON_NUMBER = re.compile(r"\b[a-z]\s?\d{4}\s?[a-z]{2}\b")


def note_fruitless(*, words: str, today: date) -> bool:
    """Count one search for words that nothing holds. Returns whether it was: what might be about a person is not."""
    words = " ".join(words.lower().split())[:LONGEST].strip()
    if all(part.unwanted for part in understand_words(words)):  # no words at all, or only -unwanted ones
        return False
    if "@" in words or PRISON_NUMBER.search(words):
        return False
    if sum(letter.isdigit() for letter in words) > MOST_DIGITS:
        return False
    if _count(words, today):
        return True
    if FruitlessSearch.objects.count() >= MOST:
        return False
    with transaction.atomic():
        # Of two at the same moment, one makes the row and the other finds it made.
        made = FruitlessSearch.objects.bulk_create(
            [FruitlessSearch(words=words, times=0, last_on=today)], ignore_conflicts=True
        )
        return bool(made and _count(words, today))


def fruitless_searches() -> QuerySet[FruitlessSearch]:
    """What was looked for in vain, the most frequent first."""
    return FruitlessSearch.objects.order_by("-times", "-last_on", "pk")


def settle_fruitless(*, pk: int) -> bool:
    """Forget words that somebody has dealt with. Returns whether they were there."""
    return bool(FruitlessSearch.objects.filter(pk=pk).delete()[0])


def _count(words: str, today: date) -> bool:
    found = FruitlessSearch.objects.filter(words=words)
    return bool(found.update(times=F("times") + 1, last_on=today))
