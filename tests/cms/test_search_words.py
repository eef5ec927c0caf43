"""The words of a search: what people type becomes words, phrases and unwanted words, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms.words import for_fts5, for_tsquery, understand_words, words_in


@pytest.mark.parametrize(
    ("typed", "fts5", "tsquery"),
    [
        ("visits", '"visits"*', "((visits) | visits:*)"),
        ("family visits", '"family" AND "visits"*', "(family) & ((visits) | visits:*)"),
        ('"family visits"', '"family visits"', "(family <-> visits)"),
        ("“family visits”", '"family visits"', "(family <-> visits)"),
        ("visits -prison", '("visits") NOT ("prison")', "(visits) & !(prison)"),
        ("e-learning", '"e learning"', "(e <-> learning)"),
        ("the visits of a child", '"visits" AND "child"*', "(visits) & ((child) | child:*)"),
        ("to be", '"to" AND "be"', "(to) & (be)"),
        ("café CAFÉ", '"cafe" AND "cafe"*', "(cafe) & ((cafe) | cafe:*)"),
        ("children’s O'Brien", '"childrens" AND "obrien"*', "(childrens) & ((obrien) | obrien:*)"),
        ("-prison", "", ""),
        ("% _ ( ) : ^ & | !", "", ""),
        ("", "", ""),
    ],
)
def test_what_is_typed_in_the_languages_of_both_databases(typed, fts5, tsquery):
    parts = understand_words(typed)
    assert (for_fts5(parts), for_tsquery(parts)) == (fts5, tsquery)


@given(st.text(max_size=300))
def test_whatever_is_typed_only_letters_and_digits_are_asked_for(text):
    words = [word for part in understand_words(text) for word in part.words]
    assert len(words) <= 20
    assert all(word.isalnum() for word in words)
    assert set(words) <= set(words_in(text))
