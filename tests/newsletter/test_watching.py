"""How a sending is going: counts by state and edition, rate, end and troubles, counted rarely however many watch."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.arming import BY_SETTING
from newsletter import flow, watching
from newsletter.models import DayCount, Delivery, Edition, Issue, Mailing, Throttle
from newsletter.steering import cancel, pause, resume
from newsletter.watching import Watch, count, forget, watch
from tests.newsletter.fakes import crowd_of, open_mailing, set_mailing

pytestmark = pytest.mark.django_db
periods = itertools.count(1)


def being_sent(size: int, *, editions: int = 1, **states: int) -> Issue:
    """An issue with so many pending deliveries, some of which are in other states: `sent=3, unknown=1`."""
    issue = open_mailing(crowd_of(size)[:size], period=f"2026-{next(periods) % 12 + 1:02}")
    more = [
        Edition.objects.create(issue=issue, number=number, label=f"Edition {number}", content_hash=str(number) * 64)
        for number in range(2, editions + 1)
    ]
    rows = list(Delivery.objects.filter(issue=issue).order_by("pk"))
    for place, row in enumerate(rows):
        if more and place % editions:
            row.edition = more[place % editions - 1]
    wanted = [state for state, number in states.items() for _ in range(number)]
    for row, state in zip(rows, wanted, strict=False):
        row.state, row.reason = state, "" if state == "sent" else "because"
        row.attempt, row.lease_until = row.nonce, timezone.now()
        if state == "retry_wait":
            row.next_attempt_at = timezone.now() + timedelta(minutes=5)
    Delivery.objects.bulk_update(rows, ["edition", "state", "reason", "attempt", "lease_until", "next_attempt_at"])
    return issue


def look(issue: Issue, after: float = 0.0) -> Watch:
    """As it is so many seconds from now."""
    mailing = Mailing.objects.get(pk=issue.pk)
    return watch(issue, mailing, now=timezone.now().timestamp() + after)


def move(issue: Issue, number: int, state: str = "sent") -> None:
    """So many pending deliveries end."""
    pks = Delivery.objects.filter(issue=issue, state="pending").order_by("pk").values_list("pk", flat=True)[:number]
    Delivery.objects.filter(pk__in=list(pks)).update(state=state, reason="" if state == "sent" else "because")


def statements(act) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


class TestCount:
    def test_every_state_is_there_and_they_add_up(self):
        issue = being_sent(10, sent=3, unknown=1, sending=1, retry_wait=2)
        found = count(issue)
        assert set(found.states) == set(Delivery.State.values)
        assert sum(found.states.values()) == 10
        assert (found.unfinished, found.waiting, found.in_hand, found.handed) == (6, 5, 1, 4)

    def test_editions_under_way_and_done(self):
        issue = being_sent(6, editions=3)
        first, second, _ = Edition.objects.filter(issue=issue).order_by("number")
        Delivery.objects.filter(edition=first).update(state="sent")
        move_one = Delivery.objects.filter(edition=second).first()
        Delivery.objects.filter(pk=move_one.pk).update(state="failed", reason="because")
        found = count(issue)
        assert (found.editions, found.begun, found.done) == (3, 1, 1)

    def test_edition_whose_readers_are_all_skipped_is_done_without_having_begun(self):
        issue = being_sent(3, skipped=3)
        assert (count(issue).begun, count(issue).done) == (0, 1)

    def test_says_until_when_some_wait_to_be_tried_again(self):
        issue = being_sent(4, retry_wait=2)
        later = timezone.now() + timedelta(hours=1)
        Delivery.objects.filter(pk=Delivery.objects.filter(state="retry_wait").first().pk).update(next_attempt_at=later)
        found = count(issue)
        assert found.last_retry == later
        assert found.first_retry < later

    def test_is_one_statement_whatever_the_size_and_two_more_for_retries(self):
        few, many, retries = being_sent(5), being_sent(100, editions=7, sent=40), being_sent(5, retry_wait=1)
        assert statements(lambda: count(few)) == statements(lambda: count(many)) == 1
        assert statements(lambda: count(retries)) == 3

    def test_reads_an_index_only(self):
        issue = being_sent(5)
        rows = Delivery.objects.filter(issue=issue).order_by().values_list("state", "edition").distinct()
        assert "delivery_counts" in rows.explain()


class TestWatching:
    def test_share_is_of_everybody_frozen_and_reaches_100_only_at_the_end(self):
        issue = being_sent(201, sent=200)
        assert (look(issue).finished, look(issue).total, look(issue).percent) == (200, 201, 99)
        move(issue, 1)
        forget(issue)
        assert look(issue).percent == 100

    def test_empty_mailing_is_done(self):
        issue = open_mailing([])
        set_mailing(issue, "finished")
        assert (look(issue).percent, look(issue).over) == (100, True)

    def test_many_who_watch_cost_one_count(self):
        issue = being_sent(50, sent=10)
        mailing = Mailing.objects.get(pk=issue.pk)
        now = timezone.now().timestamp()
        first = statements(lambda: watch(issue, mailing, now=now))
        again = [statements(lambda: watch(issue, mailing, now=now + 1)) for _ in range(10)]
        assert first == again[0] + 1
        assert set(again) == {4}, "whether it may mail, the history, the provider's signals, and its unreadable reports"

    def test_statements_do_not_grow(self):
        few, many = being_sent(5), being_sent(100, editions=9, sent=30)
        assert statements(lambda: look(few)) == statements(lambda: look(many))

    def test_is_counted_again_when_its_time_has_come(self):
        issue = being_sent(10)
        look(issue)
        move(issue, 4)
        assert look(issue, after=1).finished == 0
        assert look(issue, after=60).finished == 4

    def test_slow_count_is_kept_for_longer(self, monkeypatch):
        issue = being_sent(10)
        ticks = itertools.count(0, 1.5)  # each look at the stopwatch, a second and a half later
        monkeypatch.setattr(watching.time, "monotonic", lambda: next(ticks))
        look(issue)
        move(issue, 4)
        assert look(issue, after=25).finished == 0
        assert look(issue, after=31).finished == 4

    def test_somebody_else_counts_and_nobody_waits(self, monkeypatch):
        issue = being_sent(10)
        look(issue)
        move(issue, 4)
        monkeypatch.setattr(watching.cache, "add", lambda *arguments: False)
        assert look(issue, after=60).finished == 0

    def test_act_is_seen_at_once(self):
        issue = being_sent(4)
        look(issue)
        cancel(issue, by=None, reason="wrong month")
        forget(issue)
        assert look(issue).over

    @pytest.mark.parametrize(
        ("state", "rows", "moving", "over"),
        [
            ("frozen", {}, False, False),
            ("sending", {}, True, False),
            ("paused", {"sent": 2}, False, False),
            ("paused", {"sending": 1}, True, False),
            ("cancelled", {"sending": 1, "skipped": 3}, True, False),
            ("cancelled", {"skipped": 4}, False, True),
            ("finished", {"sent": 3, "unknown": 1}, False, True),
        ],
    )
    def test_moving_and_over(self, state, rows, moving, over):
        issue = being_sent(4, **rows)
        set_mailing(issue, state)
        assert (look(issue).moving, look(issue).over) == (moving, over)


class TestPace:
    def test_rate_is_what_ended_between_two_looks(self):
        issue = being_sent(100)
        assert look(issue).rate is None
        move(issue, 20)
        assert look(issue, after=10).rate == pytest.approx(2, rel=0.02)

    def test_rate_forgets_what_was_long_ago(self):
        issue = being_sent(100)
        look(issue)
        move(issue, 90)
        look(issue, after=10)
        assert look(issue, after=50).rate == 0

    def test_whoever_was_left_out_was_no_message(self):
        issue = being_sent(100)
        look(issue)
        move(issue, 50, "skipped")
        assert look(issue, after=10).rate == 0

    def test_average_leaves_out_the_time_it_was_held(self, monkeypatch):
        issue = being_sent(100, sent=60)
        begun = timezone.now() - timedelta(seconds=120)
        Mailing.objects.update(started_at=begun)
        for seconds, act in ((20, lambda: pause(issue, by=None, reason="x")), (80, lambda: resume(issue, by=None))):
            monkeypatch.setattr("django.utils.timezone.now", lambda seconds=seconds: begun + timedelta(seconds=seconds))
            act()
        monkeypatch.undo()
        assert look(issue).average == pytest.approx(1, rel=0.05)

    def test_end_is_what_is_left_at_this_rate(self):
        issue = being_sent(100)
        look(issue)
        move(issue, 20)
        seen = look(issue, after=10)
        left = seen.end.timestamp() - timezone.now().timestamp() - 10
        assert left == pytest.approx(40, rel=0.05)
        assert not seen.day_limited

    def test_end_is_not_before_the_last_retry(self):
        issue = being_sent(10, retry_wait=1, sent=5)
        Mailing.objects.update(started_at=timezone.now() - timedelta(seconds=5))
        assert look(issue).end == Delivery.objects.get(state="retry_wait").next_attempt_at

    def test_end_is_days_away_under_the_limit_of_a_day(self, settings):
        settings.SEND_PER_DAY = 20
        issue = being_sent(100)
        seen = look(issue)
        assert seen.day_limited
        assert (seen.end.date() - timezone.localdate()).days == 4

    @pytest.mark.parametrize("state", ["frozen", "paused", "cancelled", "finished"])
    def test_nobody_is_told_an_end_of_what_does_not_move(self, state):
        issue = being_sent(100, sent=50)
        set_mailing(issue, state)
        look(issue)
        move(issue, 20)
        assert (look(issue, after=10).end, look(issue, after=10).rate) == (None, None)


class TestProblems:
    def test_none(self):
        assert look(being_sent(10)).problems == []

    def test_disarmed(self, settings):
        settings.SENDING_ARMED = False
        seen = look(being_sent(10, sent=5))
        assert (seen.problems, seen.end) == ([BY_SETTING], None)

    @pytest.mark.parametrize(("failures", "words"), [(0, "asked for less"), (2, "out of reach")])
    def test_provider_holds_us(self, settings, failures, words):
        now = timezone.now().timestamp()
        Throttle.objects.create(provider=settings.EMAIL_PROVIDER, hold_until=now + 90, failures=failures, rate=3)
        (problem,) = look(being_sent(10)).problems
        assert words in problem

    def test_provider_slowed_us(self, settings):
        Throttle.objects.create(provider=settings.EMAIL_PROVIDER, rate=3)
        (problem,) = look(being_sent(10)).problems
        assert "at most 3.0 messages a second" in problem

    def test_another_providers_signals_say_nothing(self):
        Throttle.objects.create(provider="elsewhere", rate=3)
        assert look(being_sent(10)).problems == []

    def test_limit_of_the_day_is_reached(self, settings):
        settings.SEND_PER_DAY = 1000
        DayCount.objects.create(day=timezone.localdate(), used=1000)
        assert look(being_sent(10)).problems == [flow.DAY_USED_UP.format("1,000")]

    def test_nothing_moves(self):
        issue = being_sent(10)
        look(issue)
        assert look(issue, after=100).problems == []
        (problem,) = look(issue, after=400).problems
        assert "Nothing has moved for 6 minutes" in problem

    def test_nothing_moves_while_only_retries_are_left(self):
        issue = being_sent(4, retry_wait=4)
        look(issue)
        assert look(issue, after=400).problems == []

    def test_paused_one_has_its_own_words(self, settings):
        issue = being_sent(10)
        Throttle.objects.create(provider=settings.EMAIL_PROVIDER, rate=3)
        pause(issue, by=None, reason="lunch")
        assert look(issue).problems == []
