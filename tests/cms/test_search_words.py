"""The words of a search: what people type becomes words, phrases and unwanted words, and nothing else."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from cms import spelling
from cms.directory import read_filters, search_directory
from cms.models import Entry, FruitlessSearch, Kind, SearchWord
from cms.spelling import correct
from cms.words import STOP_WORDS, as_typed, for_fts5, for_tsquery, understand_words, words_in
from tests.factories import entry


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
        ("to be", "", ""),
        ('"to be" because of yourself', "", ""),
        ('"to be" visits', '"visits"*', "((visits) | visits:*)"),
        ("the -prison", "", ""),
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


@given(st.text(alphabet="abxyé -\"“”’'", max_size=60))
def test_what_was_understood_is_understood_the_same_when_typed_again(text):
    parts = understand_words(text)
    assert understand_words(as_typed(parts)) == parts


# --- Words that say nothing ----------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite knows no words that say nothing")
def test_words_that_say_nothing_are_those_of_postgresql(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word FROM unnest(%s::text[]) word WHERE to_tsvector('english', word) <> ''", [sorted(STOP_WORDS)]
        )
        assert cursor.fetchall() == []
    assert {"because", "yourself", "themselves", "ours", "s", "t", "don"} <= STOP_WORDS
    assert len(STOP_WORDS) == 127, "as many as english.stop has"


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["the", "because of yourself", "themselves", "ours", "don t", '"to be"', "-the", "%"])
def test_search_of_words_that_say_nothing_is_as_if_none_were_given(client, words):
    entry(Kind.SERVICE, title="Visits", body="<p>Because of yourself.</p>")
    entry(Kind.EVENT, title="A day")
    assert search_directory({"q": words}).total == 2
    assert [page.title for page in search_directory({"q": words, "kind": "event"}).page] == ["A day"]
    assert read_filters({"q": words, "kind": "event"}).narrow(Entry.objects.all()).get().title == "A day"
    client.get("/directory/", {"q": words})
    assert not FruitlessSearch.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["-visits", "the -visits"])
def test_search_of_unwanted_words_only_finds_nothing(words):
    entry(title="Visits")
    entry(title="A day")
    assert search_directory({"q": words}).total == 0
    assert not read_filters({"q": words}).narrow(Entry.objects.all()).exists()


# --- Misspelt words ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_mistake_that_was_once_published_is_forgiven_when_it_is_mended():
    page = entry(title="Family vists", summary="Words.")
    page.title = "Family visits"
    page.save_revision().publish()
    assert SearchWord.objects.filter(word="vists").exists(), "words stay known until all of the index is made anew"
    results = search_directory({"q": "vists"})
    assert (results.query, results.total) == ("visits", 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "meant", "found"),
    [
        ("vists -london", "visits -london", ["Family visits"]),
        ('"family vists"', '"family visits"', ["Family visits"]),
        ('vists -"london family"', 'visits -"london family"', ["Family visits"]),
        ("-vists londn", "-vists london", ["Visits of a London family"]),
        ("the vists", "visits", ["Visits of a London family", "Family visits"]),
    ],
)
def test_corrected_search_keeps_phrases_and_what_was_left_out(typed, meant, found):
    entry(title="Family visits")
    entry(title="Visits of a London family")
    results = search_directory({"q": typed})
    assert (results.asked, results.query) == (typed, meant)
    assert {page.title for page in results.page} == set(found)


@pytest.mark.django_db
def test_nearest_word_is_found_among_however_many_begin_alike(monkeypatch):
    monkeypatch.setattr(spelling, "CANDIDATES", 5)
    entry(title="Visits in the nursery")
    # Before the words meant in the alphabet, and of about their length.
    others = [f"{first}{second}{third}bbbbb" for first in "vn" for second in "ab" for third in "abcdefgh"]
    SearchWord.objects.bulk_create(SearchWord(word=word) for word in others)
    assert correct("vistis nusery") == "visits nursery"


@pytest.mark.django_db
def test_correcting_takes_a_query_for_each_unknown_word_and_gives_up_on_many():
    entry(title="Visits nursery bereavement grandparents lantern")

    def queries(words):
        with CaptureQueriesContext(connection) as captured:
            correct(words)
        return len(captured)

    assert queries("visits") == queries("to") + 1 == 1
    assert queries("vists nusery") == queries("vists nusery visits nursery vists") == 3
    assert queries("vists nusery breavement grandparentts") == 5
    assert queries("vists nusery breavement grandparentts lanttern") == 1
    assert correct("vists nusery breavement grandparentts lanttern") == ""
