"""The totals of an issue are what a plain count over the raw rows says, in every dimension and for any data."""

import json
import random
from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.models import Kind
from membership import erasing
from membership.models import User
from membership.sample_members import make_members
from newsletter.adding_up import EVERY, LOCK, add_up, add_up_stale, due
from newsletter.models import Hit, Mailing, Rollup, Total
from newsletter.stale import mark_stale
from newsletter.tallies import FIGURES
from tests import factories
from tests.newsletter.hits import plain_totals, sent_issue

Dimension = Total.Dimension


@pytest.fixture
def pages(db) -> list:
    return [
        factories.entry(Kind.RESOURCE, title="For everyone"),
        factories.entry(Kind.SERVICE, title="For health", sectors=["health"]),
        factories.entry(Kind.TRAINING, title="For prisons", sectors=["prisons", "probation"]),
        factories.entry(Kind.SERVICE, title="For London", regions=["london"]),
    ]


def totals(issue) -> dict[tuple[str, str], Counter]:
    rows = Total.objects.filter(issue=issue).exclude(dimension=Dimension.ENGAGED)
    return {(row.dimension, row.key): +Counter({name: getattr(row, name) for name in FIGURES}) for row in rows}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_dimension_equals_a_count_of_the_rows(pages, seed):
    make_members(60)
    issue = sent_issue("2026-10", pages, random.Random(seed))
    other = sent_issue("2026-11", [factories.entry(title="Later")], random.Random(-seed))
    assert add_up(issue.pk)
    found = totals(issue)
    assert found == plain_totals(issue)
    assert {dimension for dimension, _ in found} == set(Dimension) - {Dimension.ENGAGED}
    assert add_up(other.pk)
    assert totals(other) == plain_totals(other)
    assert totals(issue) == found, "counting one issue leaves the others alone"


def test_counting_again_follows_what_has_changed(pages, settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")
    make_members(40)
    issue = sent_issue("2026-10", pages, random.Random(5))
    add_up(issue.pk)
    before = totals(issue)
    # Some were erased, some have moved, and hits were judged.
    reached = User.objects.filter(member__deliveries__issue=issue, member__deliveries__state="sent")
    erasing.erase_all(list(reached.order_by("pk")[:5]))
    for user in reached.order_by("-pk")[:5]:
        user.member.region = factories.region("london")
        user.member.save(update_fields=["region"])
    Hit.objects.filter(verdict="").update(verdict="machine", reason="made up")
    add_up(issue.pk)
    assert totals(issue) == plain_totals(issue) != before
    assert totals(issue)["issue", ""]["sent"] == before["issue", ""]["sent"], "who went stays counted as sent to"


def test_as_many_statements_for_many_people_as_for_few(pages):
    def statements(issue) -> int:
        with CaptureQueriesContext(connection) as captured:
            add_up(issue.pk)
        return len(captured)

    make_members(20, audiences=2)
    few = sent_issue("2026-10", pages[:1], random.Random(1))
    make_members(100)
    many = sent_issue("2026-11", [*pages[1:], factories.entry(title="More")], random.Random(2))
    mark_stale([few.pk, many.pk])
    assert statements(few) == statements(many) < 40


def test_issue_nobody_received_has_its_line(issue):
    add_up(issue.pk)
    assert totals(issue) == {("issue", ""): Counter()}


# --- When it is done -----------------------------------------------------------------------------


@pytest.fixture
def counted(pages):
    """An issue that has been sent and counted, some time ago."""
    make_members(20)
    issue = sent_issue("2026-10", pages, random.Random(7), start=timezone.now() - timedelta(days=2))
    add_up_stale()
    rest(issue)
    return issue


def rest(issue) -> None:
    Rollup.objects.filter(pk=issue.pk).update(counted_at=timezone.now() - EVERY - timedelta(seconds=1))


def test_a_sent_issue_is_counted_without_being_asked(pages):
    make_members(20)
    issue = sent_issue("2026-10", pages, random.Random(7))
    assert add_up_stale() == [issue.pk]
    assert add_up_stale() == []


def test_what_comes_in_is_counted_but_not_at_once(counted):
    assert add_up_stale() == []
    mark_stale([counted.pk])
    Rollup.objects.filter(pk=counted.pk).update(counted_at=timezone.now())
    assert add_up_stale() == [], "it was counted a moment ago"
    rest(counted)
    assert add_up_stale() == [counted.pk]
    assert Rollup.objects.get(pk=counted.pk).stale_since is None
    rest(counted)
    assert add_up_stale() == []


def test_what_comes_in_while_counting_is_counted_later(counted, monkeypatch):
    monkeypatch.setattr("newsletter.tallies.insert_totals", lambda issue: mark_stale([issue]))
    mark_stale([counted.pk])
    assert add_up_stale() == [counted.pk]
    assert Rollup.objects.get(pk=counted.pk).stale_since


def test_while_it_is_sent_it_is_counted_now_and_then(counted):
    Mailing.objects.filter(pk=counted.pk).update(state="sending", finished_at=None)
    assert add_up_stale() == [counted.pk]
    assert add_up_stale() == []


def test_once_a_day_it_is_counted_in_any_case(counted):
    Rollup.objects.filter(pk=counted.pk).update(counted_at=timezone.now() - timedelta(hours=21))
    assert add_up_stale() == [counted.pk]
    Rollup.objects.filter(pk=counted.pk).update(counted_at=timezone.now() - timedelta(hours=21))
    Mailing.objects.filter(pk=counted.pk).update(started_at=timezone.now() - timedelta(days=93))
    assert add_up_stale() == [], "nothing of it changes any more"


def test_a_closed_issue_is_never_counted_again(counted):
    before = totals(counted)
    Rollup.objects.filter(pk=counted.pk).update(closed_at=timezone.now(), stale_since=timezone.now())
    Hit.objects.all().delete()
    assert not add_up(counted.pk)
    assert add_up_stale() == []
    assert totals(counted) == before


def test_no_more_than_there_is_time_for(pages):
    make_members(10)
    for number in range(3):
        sent_issue(f"2026-0{number + 1}", [factories.entry(title=f"Of {number}")], random.Random(number))
    assert add_up_stale(seconds=-1) == []
    assert len(add_up_stale(limit=2)) == 2
    assert len(due()) == 1
    assert len(add_up_stale(limit=2)) == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_two_workers_do_not_count_the_same_issue_at_once(issue):
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, issue.pk])
        assert not add_up(issue.pk, wait=False)
    finally:
        other.close()
    assert add_up(issue.pk, wait=True)


def test_the_tick_counts_what_is_due(pages, capsys):
    make_members(10)
    issue = sent_issue("2026-10", pages[:1], random.Random(7))
    call_command("tick", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["counted"] == 1
    assert Rollup.objects.get(pk=issue.pk).counted_at
    assert not due().exists()
