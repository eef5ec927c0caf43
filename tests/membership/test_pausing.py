"""Pauses that are over end by themselves, on their day and not before."""

from datetime import date, timedelta

import pytest
import time_machine
from django.utils import timezone

from membership import services
from membership.models import ConsentRecord, Subscription
from membership.pausing import end_pauses
from newsletter.freezing import freeze
from newsletter.ticking import run_due
from tests import factories

pytestmark = pytest.mark.django_db
State = Subscription.State
DAY = date(2027, 3, 1)


def paused(until):
    return factories.subscription(state=State.PAUSED, paused_until=until)


def test_pause_ends_on_its_day_and_not_before():
    one, later, open_end = paused(DAY), paused(DAY + timedelta(days=1)), paused(None)
    assert end_pauses(DAY - timedelta(days=1)) == 0
    assert end_pauses(DAY) == 1
    assert end_pauses(DAY) == 0
    states = dict(Subscription.objects.values_list("pk", "state"))
    assert states == {one.pk: State.ACTIVE, later.pk: State.PAUSED, open_end.pk: State.PAUSED}
    assert Subscription.objects.get(pk=one.pk).paused_until is None
    assert not ConsentRecord.objects.exists()


def test_missed_days_are_made_up_for():
    paused(DAY)
    assert end_pauses(DAY + timedelta(days=40)) == 1


def test_whoever_left_while_paused_is_not_brought_back():
    one = paused(DAY)
    services.unsubscribe(subscription=one, channel=ConsentRecord.Channel.ONE_CLICK)
    assert end_pauses(DAY) == 0
    assert Subscription.objects.get().state == State.ENDED


@pytest.mark.parametrize("days", [0, -1, -400])
def test_day_that_is_not_to_come_is_refused(days):
    one = factories.subscription()
    with pytest.raises(ValueError, match="still to come"):
        services.pause(subscription=one, until=timezone.localdate() + timedelta(days=days))
    assert Subscription.objects.get().state == State.ACTIVE


def test_tick_ends_pauses_by_the_calendar_of_london():
    with time_machine.travel("2026-06-30T22:30:00Z", tick=False):
        paused(date(2026, 7, 1))
        factories.entry()  # something to compile on the day
    with time_machine.travel("2026-06-30T22:59:00Z", tick=False):
        assert run_due().resumed == 0
    with time_machine.travel("2026-06-30T23:01:00Z", tick=False):  # already July in London
        assert run_due().resumed == 1


def test_freeze_does_not_wait_for_the_scheduler(issue):
    one = paused(timezone.localdate())
    freeze(issue)
    assert one.member.deliveries.get().state == "pending"
