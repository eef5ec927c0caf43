"""The report says what a plain count says, hides small cells and what gives them away, and costs the same each time."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.models import Kind
from membership.sample_members import make_members
from newsletter.adding_up import add_up
from newsletter.comparing import entries
from newsletter.freezing import freeze
from newsletter.hiding import SMALLEST_CELL, hide, hide_list
from newsletter.models import Delivery, Edition, Hit, Issue, Link, LinkCount, Mailing
from newsletter.reporting import report
from tests import factories
from tests.newsletter.hits import plain_totals, sent_issue

COLUMNS = ["sent", "delivered", "bounced", "complained", "departed", "agreed_opens", "agreed_clicks"]
MEASURES = {"openers": "opens", "clickers": "clicks"}
VERDICTS = ["human", "machine", "unknown"]


@pytest.fixture
def pages(db) -> list:
    return [
        factories.entry(Kind.RESOURCE, title="For everyone"),
        factories.entry(Kind.SERVICE, title="For health", sectors=["health"]),
        factories.entry(Kind.TRAINING, title="For prisons", sectors=["prisons", "probation"]),
        factories.entry(Kind.SERVICE, title="For London", regions=["london"]),
    ]


def of(line, name: str) -> int | None:
    """A figure of a line by the name it has in the totals."""
    measure, _, verdict = name.rpartition("_")
    return getattr(getattr(line, measure), verdict) if verdict in VERDICTS else getattr(line, name)


def test_every_list_equals_a_count_of_the_rows_but_for_what_is_hidden(pages):
    make_members(120)
    issue = sent_issue("2026-10", pages, random.Random(3))
    add_up(issue.pk)
    found, plain = report(issue), plain_totals(issue)
    lists = {
        "issue": {"": found.whole},
        "edition": {line.key: line.figures for line in found.editions},
        "sector": {line.key: line.figures for line in found.sectors},
        "region": {line.key: line.figures for line in found.regions},
        "kind": {line.key: line.figures for line in found.kinds},
        "item": {line.key: line.figures for line in found.items},
        "day": {line.key: line.figures for line in found.days},
    }
    shown = 0
    for dimension, lines in lists.items():
        expected = {key: counts for (of_dimension, key), counts in plain.items() if of_dimension == dimension}
        assert set(lines) >= set(expected)
        for key, counts in expected.items():
            for name in [*COLUMNS, *(f"{people}_{one}" for people in MEASURES for one in VERDICTS)]:
                value = of(lines[key], name)
                assert value in (None, counts[name]), (dimension, key, name)
                assert value is None or value >= SMALLEST_CELL
                shown += value is not None
            for people, hits in MEASURES.items():
                raw, made = getattr(lines[key], people), getattr(lines[key], hits)
                assert raw.raw in (None, sum(counts[f"{people}_{one}"] for one in VERDICTS))
                for verdict in VERDICTS:
                    few = getattr(raw, verdict) is None
                    assert getattr(made, verdict) == (None if few else counts[f"{hits}_{verdict}"])
    assert shown > 30


def test_whole_issue_shows_what_is_ten_or_more(pages):
    make_members(120)
    issue = sent_issue("2026-10", pages, random.Random(3))
    add_up(issue.pk)
    whole, counts = report(issue).whole, plain_totals(issue)["issue", ""]
    for name in COLUMNS:
        assert getattr(whole, name) == (counts[name] if counts[name] >= SMALLEST_CELL else None)
    assert whole.click_share == whole.clickers.human / whole.agreed_clicks


@pytest.mark.parametrize(("count", "shown"), [(0, None), (9, None), (10, 10), (11, 11)])
def test_fewer_than_ten_people_are_not_shown(pages, count, shown):
    make_members(20, audiences=1)
    issue = factories.issue(pages=pages[:1], live=True)
    freeze(issue)
    Delivery.objects.update(state="sent")
    link = Link.objects.get(issue=issue)
    for delivery in Delivery.objects.all()[:count]:
        for _ in range(3):  # people are counted, not hits
            Hit.objects.create(delivery=delivery, what="open")
            Hit.objects.create(delivery=delivery, what="click", link=link, verdict="human", reason="x")
    add_up(issue.pk)
    # Of ten who have been measured; the others did not agree.
    found = report(issue)
    assert (found.whole.openers.unknown, found.whole.clickers.human) == (shown, shown)
    assert found.whole.opens.unknown == (shown and shown * 3)
    assert [(row.figures.openers.unknown, row.figures.clickers.human) for row in found.editions] == [(shown, shown)]
    # Nobody is of another verdict, which the sum would say.
    assert (found.whole.openers.raw, found.whole.clickers.raw) == (None, None)
    assert [row.figures.clickers.human for row in found.items] == [shown]


def test_number_of_queries_does_not_grow(pages):
    def queries(issue: Issue) -> int:
        add_up(issue.pk)
        with CaptureQueriesContext(connection) as captured:
            report(issue)
        return len(captured)

    make_members(20, audiences=2)
    few = sent_issue("2026-10", pages[:1], random.Random(1))
    make_members(100)
    many = sent_issue("2026-11", [*pages[1:], factories.entry(title="More")], random.Random(2))
    assert Edition.objects.filter(issue=many).count() > Edition.objects.filter(issue=few).count()
    assert queries(few) == queries(many) <= 8


def test_issue_that_was_never_counted_has_no_figures(pages):
    found = report(factories.issue(pages=pages))
    assert (found.counted_at, found.editions, found.whole.sent) == (None, [], None)
    assert [(row.label, row.figures.sent) for row in found.items[:2]] == [("For everyone", None), ("For health", None)]


def test_what_anybody_followed_of_one_item_cannot_be_worked_out_from_the_whole(pages):
    make_members(20, audiences=1)
    issue = sent_issue("2026-10", pages[:2], random.Random(1))
    Mailing.objects.update(counts_clicks=True)
    guide, service = (Link.objects.get(issue=issue, item__page=page) for page in pages[:2])
    LinkCount.objects.create(link=guide, day="2026-11-05", clicks=25)
    LinkCount.objects.create(link=service, day="2026-11-05", clicks=4)
    found = {line.label: line.followed for line in report(issue).items}
    assert (report(issue).followed, found) == (29, {"For everyone": None, "For health": None})
    add_up(issue.pk)
    assert {one.anybody for one in entries([issue])} == {None}


def test_what_anybody_followed_is_shown_only_where_it_was_counted(pages):
    make_members(20, audiences=1)
    issue = sent_issue("2026-10", pages[:1], random.Random(1))
    LinkCount.objects.create(link=Link.objects.get(issue=issue), day="2026-11-05", clicks=25)
    add_up(issue.pk)
    found = report(issue)
    assert (found.counts_anybody, found.followed, found.items[0].followed) == (False, None, None)
    Mailing.objects.update(counts_clicks=True)
    found = report(issue)
    assert (found.counts_anybody, found.followed, found.items[0].followed) == (True, 25, 25)


# --- Hiding --------------------------------------------------------------------------------------


def test_the_next_smallest_is_hidden_with_a_single_small_cell():
    assert hide_list([40, 9, 12, 30]) == [40, None, None, 30]
    assert hide_list([40, 9, 3, 30]) == [40, None, None, 30]
    assert hide_list([40, 12, 30]) == [40, 12, 30]
    assert hide_list([4]) == [None]


def test_what_is_hidden_comes_to_ten_people_or_more():
    assert hide_list([50, 40, 1, 0]) == [50, None, None, None], "one person would be in the third or in the fourth"
    assert hide_list([50, 40, 0, 0]) == [50, None, None, None], "nobody would be in either"
    assert hide_list([50, 40, 6, 4]) == [50, 40, None, None]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=2, max_size=6))
def test_no_hidden_cell_can_be_worked_out(rows):
    """A table with its sums, of which every line is a sum: none has one cell hidden, nor some that come to few."""
    rows = [[*row, sum(row)] for row in rows]
    rows.append([sum(column) for column in zip(*rows, strict=True)])
    cells = {(y, x): value for y, row in enumerate(rows) for x, value in enumerate(row)}
    width, height = len(rows[0]), len(rows)
    lines = [[(y, x) for x in range(width)] for y in range(height)]
    lines += [[(y, x) for y in range(height)] for x in range(width)]
    found = hide(cells, lines)
    assert all(value is None or value == cells[key] >= SMALLEST_CELL for key, value in found.items())
    for line in lines:
        hidden = [cells[key] for key in line if found[key] is None]
        assert not hidden or len(hidden) == len(line) or (len(hidden) > 1 and sum(hidden) >= SMALLEST_CELL)
