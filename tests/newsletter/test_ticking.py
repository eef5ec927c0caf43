"""What is due, asked at any minute of any day: once, whatever was missed."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import CommandError, call_command

from newsletter import heartbeats, tasks, ticking
from newsletter.compiling import IssueError
from newsletter.models import Delivery, Heartbeat, Issue, Mailing, NewsletterSettings
from newsletter.ticking import run_due
from tests import factories
from tests.newsletter.fakes import expire_leases, open_mailing

LONDON = ZoneInfo("Europe/London")


@pytest.fixture(autouse=True)
def database(db):
    with time_machine.travel(datetime(2026, 1, 10, tzinfo=UTC), tick=False):
        NewsletterSettings.load()


def london(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=LONDON)


def published(*moments: datetime) -> None:
    for moment in moments:
        factories.entry(published=moment, review_due=moment.date() + timedelta(days=200))


def ticks(start: datetime, hours: float, every: timedelta = timedelta(hours=1)) -> dict[str, str]:
    """Tick from `start` on; return what was compiled, and at which moment in London."""
    found, moment = {}, start.astimezone(UTC)
    while moment < start.astimezone(UTC) + timedelta(hours=hours):
        with time_machine.travel(moment, tick=False):
            if period := run_due().compiled:
                assert period not in found
                found[period] = moment.astimezone(LONDON).strftime("%d %H:%M")
        moment += every
    return found


def test_compiles_last_month_on_the_first_day(db):
    published(london(2026, 10, 5, 9))
    assert ticks(london(2026, 10, 31, 12), 48) == {"2026-10": "01 00:00"}
    assert Issue.objects.get().period == "2026-10"


def test_compile_day_is_the_editors_choice():
    NewsletterSettings.objects.update(compile_day=5)
    published(london(2026, 10, 5, 9))
    assert ticks(london(2026, 11, 1), 24 * 6) == {"2026-10": "05 00:00"}


def test_missed_days_are_made_up_for():
    NewsletterSettings.objects.update(compile_day=3)
    published(london(2026, 10, 5, 9))
    with time_machine.travel(london(2026, 11, 28, 15), tick=False):
        assert run_due().compiled == "2026-10"


def test_a_whole_missed_month_is_carried_by_the_next_issue():
    published(london(2026, 9, 5, 9), london(2026, 10, 5, 9))
    with time_machine.travel(london(2026, 11, 2, 9), tick=False):
        assert run_due().compiled == "2026-10"
    assert Issue.objects.get().items.count() == 2


def test_twice_is_once():
    published(london(2026, 10, 5, 9))
    with time_machine.travel(london(2026, 11, 1, 9), tick=False):
        assert [run_due().compiled, run_due().compiled] == ["2026-10", ""]
    assert Issue.objects.count() == 1


def test_entries_after_the_compile_wait_for_the_next_month():
    published(london(2026, 10, 5, 9))
    assert ticks(london(2026, 11, 1), 2) == {"2026-10": "01 00:00"}
    published(london(2026, 11, 20, 9))
    assert ticks(london(2026, 11, 30, 20), 12) == {"2026-11": "01 00:00"}


def test_year_ends():
    published(london(2026, 12, 31, 23, 59))
    assert ticks(london(2026, 12, 31, 20), 12) == {"2026-12": "01 00:00"}


def test_february_ends():
    published(london(2028, 2, 29, 23, 59))
    assert ticks(london(2028, 2, 29, 20), 12) == {"2028-02": "01 00:00"}


def test_summer_month_begins_by_the_clock_in_london():
    """1 April, 00:00 in London, is 23:00 of the day before in UTC."""
    published(london(2026, 3, 31, 23, 30))
    assert ticks(london(2026, 3, 31, 20), 12) == {"2026-03": "01 00:00"}


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
def test_days_on_which_clocks_change_neither_skip_nor_repeat(month, day):
    """At 01:00 UTC the clock goes an hour forward, or back: that hour is missing, or comes twice."""
    NewsletterSettings.objects.update(compile_day=min(day, 28))
    first = datetime(2026, month, 1, tzinfo=LONDON)
    published(first - timedelta(days=10))
    found = ticks(london(2026, month, min(day, 28), 0), 72, timedelta(minutes=30))
    assert found == {f"2026-{month - 1:02d}": f"{min(day, 28)} 00:00"}


@pytest.mark.parametrize("down", [6, 30])
def test_scheduler_that_was_down_does_it_when_it_is_back(down):
    published(london(2026, 10, 5, 9))
    assert ticks(london(2026, 10, 31, 23), 1) == {}
    back = london(2026, 10, 31, 23) + timedelta(hours=down)
    assert list(ticks(back, 3)) == ["2026-10"]


def test_empty_month_is_asked_again_and_makes_nothing():
    assert ticks(london(2026, 11, 1), 5) == {}
    assert Issue.objects.count() == 0


def test_issue_that_editors_compiled_early_is_left_to_them():
    factories.issue("2026-10")
    published(london(2026, 10, 20, 9))
    assert ticks(london(2026, 11, 1), 5) == {}
    assert Issue.objects.get().items.count() == 0


def test_recovery_comes_with_every_tick():
    published(london(2026, 10, 5, 9))
    issue = open_mailing([factories.subscription()], period="2026-09")
    with time_machine.travel(london(2026, 11, 1, 9), tick=False):
        Delivery.objects.update(state="sending", attempt="0" * 32, lease_until="2026-11-01T08:00Z")
        ticked = run_due()
    assert (ticked.compiled, ticked.recovered.unknown, ticked.recovered.finished) == ("2026-10", 1, 1)
    assert Mailing.objects.get(issue=issue).state == Mailing.State.FINISHED


def test_month_that_cannot_be_compiled_does_not_stop_recovery(monkeypatch):
    def refuse(period):
        raise IssueError("No archive page.")

    monkeypatch.setattr(ticking, "compile_issue", refuse)
    open_mailing([], period="2026-09")
    with time_machine.travel(london(2026, 11, 1, 9), tick=False):
        ticked = run_due()
    assert (ticked.compiled, ticked.recovered.finished) == ("", 1)


PARTS = ["tell_disarmed", "end_pauses", "_compile_if_due", "start_due", "recover", "judge_due", "sum_up_due"]
LATER = ["alarming.judge_recent", "adding_up.due", "unfinished_issues", "intake.waiting", "daily.is_due"]


@pytest.mark.parametrize("failing", [f"newsletter.ticking.{name}" for name in PARTS])
def test_a_part_that_fails_stops_no_other(monkeypatch, caplog, failing):
    done = []
    for name in PARTS:
        monkeypatch.setattr(f"newsletter.ticking.{name}", lambda *args, name=name: done.append(name))
    monkeypatch.setattr(failing, Mock(side_effect=OSError("no such thing")))
    with pytest.raises(ticking.TickError, match="Parts of the tick failed: "):
        run_due()
    assert done == [name for name in PARTS if not failing.endswith(f".{name}")]
    assert "OSError: no such thing" in caplog.text


@pytest.mark.parametrize("failing", ["newsletter.ticking.recover", *(f"newsletter.tasks.{name}" for name in LATER)])
def test_a_tick_of_which_a_part_fails_leaves_no_sign_of_life_but_does_the_rest(monkeypatch, failing):
    looked = Mock(return_value=[])
    monkeypatch.setattr("newsletter.tasks.alarming.judge_recent", looked)
    monkeypatch.setattr(failing, Mock(side_effect=OSError("no such thing")))
    monkeypatch.setattr(tasks.do_daily, "apply_async", lambda **kwargs: None)
    with pytest.raises(ticking.TickError):
        tasks.tick()
    assert looked.called or failing.endswith("judge_recent")
    assert not Heartbeat.objects.filter(kind=heartbeats.TICK).exists()
    monkeypatch.undo()
    monkeypatch.setattr(tasks.do_daily, "apply_async", lambda **kwargs: None)
    tasks.tick()
    assert Heartbeat.objects.filter(kind=heartbeats.TICK).exists()


def test_by_hand_it_says_which_part_failed(monkeypatch):
    monkeypatch.setattr(ticking, "recover", Mock(side_effect=OSError("no such thing")))
    with pytest.raises(CommandError, match="These parts failed: recovering"):
        call_command("tick", "--json")


def test_nothing_due_is_cheap(django_assert_max_num_queries):
    issue = open_mailing([factories.subscription()])
    expire_leases(issue)
    with time_machine.travel(london(2026, 11, 20, 9), tick=False), django_assert_max_num_queries(18):
        run_due()
