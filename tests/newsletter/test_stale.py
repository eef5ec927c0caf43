"""Which issues have totals to be counted again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.models import Rollup
from newsletter.stale import mark_stale
from tests import factories


@pytest.fixture
def issues(db) -> list[int]:
    return [factories.issue("2026-10").pk, factories.issue("2026-11").pk]


def test_marks_many_with_one_statement(issues, django_assert_num_queries):
    with django_assert_num_queries(1):
        mark_stale(issues)
    assert Rollup.objects.exclude(stale_since=None).count() == 2
    with django_assert_num_queries(0):
        mark_stale([])


def test_a_later_mark_shows_to_whoever_counts_meanwhile(issues):
    mark_stale(issues[:1])
    seen = timezone.now() - timedelta(seconds=9)
    Rollup.objects.update(stale_since=seen, counted_at=seen)
    mark_stale(issues[:1])
    assert not Rollup.objects.filter(stale_since=seen).update(stale_since=None)
    assert Rollup.objects.get().counted_at == seen


def test_what_is_closed_stays_closed(issues):
    Rollup.objects.create(issue_id=issues[0], closed_at=timezone.now())
    mark_stale(issues)
    assert list(Rollup.objects.exclude(stale_since=None).values_list("pk", flat=True)) == issues[1:]
