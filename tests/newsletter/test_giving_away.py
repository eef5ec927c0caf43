"""What rows of an issue's totals say about each other: no small figure can be worked out from those that are shown."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.by_issue import within_sectors
from newsletter.figures import figures_of
from newsletter.giving_away import Held
from newsletter.hiding import SMALLEST_CELL
from newsletter.models import Total
from tests import factories

ALL = ("issue", "")


def edition(number: int) -> tuple[str, str]:
    return "edition", str(number)


def item(number: int) -> tuple[str, str]:
    return "item", str(number)


def shown(
    sent: Sequence[int], items: Mapping[int, Sequence[int]] | None = None, name: str = "sent"
) -> dict[tuple[str, str], int | None]:
    """A figure of each row as it may be shown: so many in each edition, and which editions hold each item."""
    rows = [Total(dimension="issue", key="", **{name: sum(sent)})]
    rows += [Total(dimension="edition", key=str(number), **{name: people}) for number, people in enumerate(sent, 1)]
    editions = {}
    for number, holding in (items or {}).items():
        rows.append(Total(dimension="item", key=str(number), **{name: sum(sent[one - 1] for one in holding)}))
        editions[item(number)] = frozenset(str(one) for one in holding)
    found = figures_of(rows, Held(editions, dict.fromkeys(map(str, items or {}), "service")))
    return {place: getattr(figures, name) for place, figures in found.items()}


def test_verdicts_that_are_hidden_do_not_come_to_one_person():
    row = Total(dimension="issue", key="", clickers_human=12, clickers_machine=1, agreed_clicks=100, sent=200)
    clickers = figures_of([row])["issue", ""].clickers
    assert (clickers.human, clickers.machine, clickers.unknown, clickers.raw) == (12, None, None, None)


def test_regions_that_are_hidden_do_not_come_to_one_person():
    people = {"a": 50, "b": 40, "c": 1, "d": 0}
    rows = [Total(dimension="region", key=key, sent=sent) for key, sent in people.items()]
    found = figures_of([Total(dimension="issue", key="", sent=91), *rows])
    assert [found["region", key].sent for key in people] == [50, None, None, None]


def test_the_whole_says_nothing_of_erased_people_who_have_no_region():
    rows = [Total(dimension="region", key=key, sent=sent) for key, sent in {"a": 50, "b": 4}.items()]
    found = figures_of([Total(dimension="issue", key="", sent=66), *rows])
    assert [found["issue", ""].sent, found["region", "a"].sent, found["region", "b"].sent] == [66, 50, None]
    rows = [Total(dimension="region", key=key, sent=sent) for key, sent in {"a": 50, "b": 14}.items()]
    found = figures_of([Total(dimension="issue", key="", sent=66), *rows])
    assert [found["region", "a"].sent, found["region", "b"].sent] == [50, None], "two were erased"


@pytest.mark.parametrize("name", ["sent", "departed", "complained"])
def test_an_item_says_nothing_of_a_small_edition(name):
    found = shown([5, 20, 100], {1: [1, 2, 3], 2: [2], 3: [2, 3]}, name)
    hidden = [place for place, people in found.items() if people is None]
    assert (found[ALL], found[item(1)]) == (125, 125)
    assert {edition(1), edition(2), item(2), item(3)} <= set(hidden), "the second item is the second edition"


def test_clicks_on_an_item_say_nothing_of_who_followed_another():
    rows = [
        Total(dimension=dimension, key=key, agreed_clicks=300, sent=300, clickers_human=people, clickers_unknown=20)
        for dimension, key, people in [("issue", "", 100), ("item", "1", 95), ("item", "2", 40), ("item", "3", 60)]
    ]
    found = figures_of(rows)
    assert [found[item(number)].clickers.human for number in (1, 2, 3)] == [None, 40, 60]


def test_two_items_do_not_say_how_many_had_both():
    found = shown([50, 4, 60], {1: [1, 2], 2: [2, 3]})
    assert None in (found[item(1)], found[item(2)]), "54 and 64 of 114: four had both"
    assert [found[edition(number)] for number in (1, 2, 3)].count(None) > 1


def test_an_item_within_another_says_nothing_of_the_rest():
    found = shown([5, 40, 50, 200], {1: [1, 2, 3], 2: [2, 3]})
    assert (found[item(1)], found[item(2)]) == (95, None)


def test_what_gives_nothing_away_is_shown():
    found = shown([30, 40, 50], {1: [1, 2], 2: [2, 3], 3: [1, 2, 3]})
    assert None not in found.values()


def test_large_items_are_shown_over_many_small_editions():
    found = shown([3, 4, 5, 6, 2, 8, 300], {1: [1, 2, 3, 4], 2: [3, 4, 5, 6, 7]})
    assert (found[ALL], found[item(1)], found[item(2)]) == (328, 18, 321 if SMALLEST_CELL <= 328 - 321 else None)


@st.composite
def issues(draw):
    number = draw(st.integers(2, 5))
    sent = draw(st.lists(st.sampled_from([0, 1, 4, 9, 10, 12, 25, 60]), min_size=number, max_size=number))
    holding = st.lists(st.integers(1, number), min_size=1, max_size=number, unique=True)
    return sent, dict(enumerate(draw(st.lists(holding, max_size=1)), 1))


@settings(max_examples=300, deadline=None)
@given(issues())
def test_no_small_edition_follows_from_all_that_is_shown(issue):
    """By exact algebra: a row is a sum of editions; an edition that is a combination of shown rows is known. One item
    beside the whole; what is looked for between several is above."""
    sent, items = issue
    found = shown(sent, items, "complained")
    holding = {ALL: range(1, len(sent) + 1), **{edition(one): [one] for one in range(1, len(sent) + 1)}}
    holding |= {item(number): held for number, held in items.items()}
    rows = [
        [Fraction(number in holding[place]) for number in range(1, len(sent) + 1)]
        for place, people in found.items()
        if people is not None
    ]
    known = worked_out(rows)
    assert not [people for place, people in enumerate(sent) if people < SMALLEST_CELL and place in known]


def worked_out(rows: list[list[Fraction]]) -> set[int]:
    """Which unknowns follow from these sums of them: in the reduced form they stand alone in their row."""
    done: list[list[Fraction]] = []
    for place in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in rows if row[place]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        pivot = [value / pivot[place] for value in pivot]
        rows = [[a - row[place] * b for a, b in zip(row, pivot, strict=True)] for row in rows]
        done = [[a - row[place] * b for a, b in zip(row, pivot, strict=True)] for row in done]
        done.append(pivot)
    return {next(place for place, value in enumerate(row) if value) for row in done if sum(map(bool, row)) == 1}


@pytest.mark.django_db
class TestWithinSectors:
    def parts(self, item_sent: int, **sectors: int) -> list[int | None]:
        """An item that was sent to so many, of whom so many are in each of the sectors, which have 200 members each."""
        issue = factories.issue(pages=[], live=True)
        rows = {("issue", ""): 900, ("item", "7"): item_sent}
        rows |= {("sector", sector): 200 for sector in sectors}
        rows |= {("sector_item", f"{sector}/7"): sent for sector, sent in sectors.items()}
        Total.objects.bulk_create(
            Total(issue=issue, dimension=dimension, key=key, sent=sent) for (dimension, key), sent in rows.items()
        )
        found = within_sectors([issue.pk])[issue.pk]
        return [found["sector_item", f"{sector}/7"].sent for sector in sectors]

    def test_a_sector_says_nothing_of_the_few_others_who_had_the_item(self):
        assert self.parts(64, health=60) == [None]

    def test_nor_of_the_few_in_the_sector_who_had_it_not(self):
        assert self.parts(300, health=195) == [None]

    def test_nor_do_all_other_sectors_say_it_of_one(self):
        assert self.parts(64, health=30, prisons=30, schools=4) == [None, 30, None]

    def test_the_rest_is_shown(self):
        assert self.parts(100, health=30, prisons=30, schools=40) == [30, 30, 40]

    def test_also_where_many_are_in_no_sector(self):
        assert self.parts(100, health=30, prisons=20) == [30, 20]
