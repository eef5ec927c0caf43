"""What the items say, and how: lengths, repetitions, words that were to be replaced, words that spam filters know."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from newsletter.inspections.draft import Carried, Draft
from newsletter.inspections.findings import Finding, Level
from newsletter.inspections.vocabulary import COMMON, PLACEHOLDERS, PLACEHOLDERS_AS_WRITTEN, SPAM

HEADLINE_LENGTH, SUMMARY_LENGTH = 80, 240
ALIKE = 0.75  # share of their telling words that two headlines have in common
TELLING = 4  # words at least, or every second pair would be alike
EXCLAMATIONS = 3  # in all headlines together

_PLACEHOLDER = re.compile("|".join(f"(?i:{one})" for one in PLACEHOLDERS) + "|" + "|".join(PLACEHOLDERS_AS_WRITTEN))
_SPAM = re.compile(r"\b(?:" + "|".join(re.escape(one) for one in SPAM) + r")(?!\w)", re.IGNORECASE)


def look(draft: Draft) -> Iterator[Finding]:
    yield from _lengths(draft.shown)
    yield from _repeated("headline", draft.shown, lambda one: one.headline)
    yield from _repeated("summary", draft.shown, lambda one: one.summary)
    yield from _alike(draft.shown)
    yield from _same_address(draft.shown)
    yield from _placeholders(draft)
    yield from _spam(draft)


def _lengths(items: Iterable[Carried]) -> Iterator[Finding]:
    for one in items:
        if not one.headline:
            yield one.finding("headline-empty", Level.ERROR, "An item has no headline: write one, or take it out.")
        if len(one.headline) > HEADLINE_LENGTH:
            sentence = f"{one.name}: the headline has {len(one.headline)} characters, {HEADLINE_LENGTH} are enough."
            yield one.finding("headline-long", Level.WARNING, sentence)
        if not one.summary:
            sentence = f"{one.name} has no summary: say in a sentence what a reader gets from it."
            yield one.finding("summary-empty", Level.WARNING, sentence)
        if len(one.summary) > SUMMARY_LENGTH:
            sentence = f"{one.name}: the summary has {len(one.summary)} characters, {SUMMARY_LENGTH} are enough."
            yield one.finding("summary-long", Level.WARNING, sentence)


def _repeated(what: str, items: Iterable[Carried], words: Callable[[Carried], str]) -> Iterator[Finding]:
    same: dict[str, list[Carried]] = defaultdict(list)
    for one in items:
        same[" ".join(words(one).casefold().split())].append(one)
    for text, found in same.items():
        if text and len(found) > 1:
            sentence = f"{found[-1].name}: {len(found)} items have the same {what}. Tell them apart, or leave one out."
            yield found[-1].finding(f"{what}-repeated", Level.WARNING, sentence)


def _alike(items: Iterable[Carried]) -> Iterator[Finding]:
    told = [(one, frozenset(re.findall(r"\w+", one.headline.casefold())) - COMMON) for one in items]
    told = [(one, words) for one, words in told if len(words) >= TELLING]
    for (first, a), (second, b) in combinations(told, 2):
        if first.headline.casefold() != second.headline.casefold() and len(a & b) >= ALIKE * len(a | b):
            sentence = f"{first.name} and {second.name} sound alike: make sure that they are two things."
            yield second.finding("headline-alike", Level.WARNING, sentence)


def _same_address(items: Iterable[Carried]) -> Iterator[Finding]:
    same: dict[str, list[Carried]] = defaultdict(list)
    for one in items:
        if one.entry and one.entry.link:
            same[one.entry.link.rstrip("/")].append(one)
    for found in same.values():
        if len(found) > 1:
            sentence = f"{found[0].name} and {found[-1].name} lead to the same address: leave one out, or correct it."
            yield found[-1].finding("address-repeated", Level.WARNING, sentence)


def _placeholders(draft: Draft) -> Iterator[Finding]:
    issue = draft.issue
    for where, text in (
        ("subject", issue.subject),
        ("preheader", issue.preheader),
        ("introduction", draft.opening_text),
    ):
        if found := _PLACEHOLDER.search(text):
            place = "introduction or an announcement" if where == "introduction" else where
            sentence = f"The {place} still says “{found[0]}”: write what is meant."
            yield Finding("placeholder", Level.WARNING, sentence, where)
    for one in draft.shown:
        if found := _PLACEHOLDER.search(f"{one.headline} {one.summary}"):
            yield one.finding("placeholder", Level.WARNING, f"{one.name} still says “{found[0]}”: write what is meant.")


def _spam(draft: Draft) -> Iterator[Finding]:
    subject = draft.issue.subject
    if found := _SPAM.search(subject):
        sentence = f"The subject says “{found[0]}”, which spam filters look for: find other words."
        yield Finding("spam", Level.WARNING, sentence, "subject")
    if "!" in subject:
        sentence = "The subject holds an exclamation mark, which spam filters count: end it without."
        yield Finding("spam", Level.WARNING, sentence, "subject")
    shouted = sum(one.headline.count("!") for one in draft.shown)
    if shouted >= EXCLAMATIONS:
        sentence = f"The headlines hold {shouted} exclamation marks, which spam filters count: take some out."
        yield Finding("spam", Level.WARNING, sentence, "items")
    for one in draft.shown:
        if found := _SPAM.search(one.headline):
            sentence = f"{one.name} says “{found[0]}”, which spam filters look for: find other words."
            yield one.finding("spam", Level.WARNING, sentence)
