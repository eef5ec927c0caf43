"""Too many complaints or bounces: the staff hear of it, and what is being sent is paused until they let it go on."""

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone
from wagtail.models import PageLogEntry

from newsletter import alarming
from newsletter.adding_up import add_up
from newsletter.happenings import happenings
from newsletter.models import Delivery, Edition, Issue, Mailing, ProviderEvent
from newsletter.reported import Reported, record_provider_events
from newsletter.steering import resume
from tests import factories
from tests.newsletter.fakes import open_mailing, set_mailing


@pytest.fixture(autouse=True)
def staff(db):
    cache.clear()
    factories.UserFactory(email="admin@example.org", is_superuser=True)


@pytest.fixture
def issue(db) -> Issue:
    return open_mailing([])


def send(issue: Issue, number: int) -> None:
    """So many deliveries are sent, of people who have gone since: only numbers matter here."""
    edition = Edition.objects.get(issue=issue)
    Delivery.objects.bulk_create(Delivery(issue=issue, edition=edition, state="sent") for _ in range(number))


def report(issue: Issue, *, complained: int = 0, bounced: int = 0, verdict: str = "hard") -> None:
    told = Delivery.objects.filter(provider_events=None, issue=issue).order_by("pk").values_list("pk", flat=True)
    kinds = ["complained"] * complained + ["bounced"] * bounced
    record_provider_events(
        Reported(
            provider="esp",
            event_type=kind,
            event_id=f"{kind}-{pk}",
            metadata={"delivery": pk},
            happened_at=timezone.now(),
            verdict=verdict if kind == "bounced" else "",
        )
        for kind, pk in zip(kinds, list(told[: len(kinds)]), strict=True)
    )


def judge(issue: Issue) -> list[str]:
    return alarming.judge([issue.pk], every=0)


def state(issue: Issue) -> str:
    return Mailing.objects.get(pk=issue.pk).state


@pytest.mark.parametrize(
    ("sent", "figures", "pauses"),
    [
        (1000, {"complained": 3}, False),
        (1000, {"complained": 4}, True),
        (1000, {"bounced": 50}, False),
        (1000, {"bounced": 51}, True),
        (1000, {"bounced": 51, "verdict": "soft"}, True),
        (199, {"complained": 20, "bounced": 100}, False),
        (200, {"complained": 2}, True),
        (200, {"complained": 1}, False),
        (1000, {}, False),
    ],
    ids=str,
)
def test_pauses_above_the_limits(issue, sent, figures, pauses):
    send(issue, sent)
    report(issue, **figures)
    judge(issue)
    assert state(issue) == ("paused" if pauses else "sending")


def test_the_reason_names_the_figures_and_staff_are_told_once(issue, mailoutbox):
    send(issue, 1000)
    report(issue, complained=5)
    assert judge(issue)
    assert judge(issue) == []
    held = Mailing.objects.get(pk=issue.pk).held_because
    assert "5 of 1,000 people reported it as spam (0.50%)" in held
    assert [mail.subject for mail in mailoutbox] == ["The October 2026 e-news is paused"]
    assert "5 of 1,000" in mailoutbox[0].body


def test_a_warning_comes_first_and_once(issue, mailoutbox):
    send(issue, 1000)
    report(issue, complained=1)
    assert judge(issue) == []
    report(issue, complained=1)
    assert "2 of 1,000" in judge(issue)[0]
    report(issue, complained=1)
    assert judge(issue) == []
    assert [mail.subject for mail in mailoutbox] == ["The October 2026 e-news: a warning"]
    assert state(issue) == "sending"
    report(issue, complained=1)
    assert judge(issue)
    assert state(issue) == "paused"


def test_what_has_been_sent_is_only_told(issue, mailoutbox):
    set_mailing(issue, "finished")
    send(issue, 500)
    report(issue, bounced=100)
    assert judge(issue)
    assert judge(issue) == []
    assert state(issue) == "finished"
    assert "100 of 500 messages bounced (20.0%)" in mailoutbox[0].body


def test_what_gets_worse_after_a_warning_is_told_again(issue, mailoutbox):
    send(issue, 1000)
    report(issue, complained=2)
    judge(issue)
    set_mailing(issue, "finished")
    report(issue, complained=58, bounced=300)
    (said,) = judge(issue)
    assert "60 of 1,000 people reported it as spam (6.00%)" in said
    assert "300 of 1,000 messages bounced (30.0%)" in said
    assert len(mailoutbox) == 2
    report(issue, complained=20, bounced=100)
    assert judge(issue) == [], "both have been told"


def test_a_complaint_does_not_swallow_a_bounce_alarm(issue, mailoutbox):
    set_mailing(issue, "finished")
    send(issue, 1000)
    report(issue, complained=30)
    judge(issue)
    report(issue, bounced=60)
    assert judge(issue) == [
        "60 of 1,000 messages bounced (6.0%). At most 5% may: look at where the addresses came from."
    ]
    assert len(mailoutbox) == 2


def test_resumed_by_hand_it_goes_on_until_it_gets_worse(issue):
    send(issue, 1000)
    report(issue, complained=10)
    judge(issue)
    assert state(issue) == "paused"
    resume(issue, by=None)
    assert judge(issue) == []
    send(issue, 1000)
    report(issue, complained=3)
    assert judge(issue) == []
    assert state(issue) == "sending"
    report(issue, complained=1)
    assert judge(issue)
    assert state(issue) == "paused"


def test_people_are_counted_not_reports(issue):
    send(issue, 1000)
    pk = Delivery.objects.order_by("pk").first().pk
    ProviderEvent.objects.bulk_create(
        ProviderEvent(
            delivery_id=pk, provider="esp", event_type=kind, happened_at=timezone.now(), natural_key=f"{kind}{n}"
        )
        for n in range(100)
        for kind in ("complained", "deferred")
    )
    assert alarming.count(issue.pk) == alarming.Figures(sent=1000, complained=1, bounced=0)


def test_counted_at_most_every_few_seconds(issue, django_assert_num_queries):
    send(issue, 300)
    alarming.judge([issue.pk])
    with django_assert_num_queries(0):
        assert alarming.judge([issue.pk]) == []


def test_the_longer_counting_takes_the_longer_it_rests(issue, monkeypatch):
    counted = []
    moments = iter(range(0, 100, 2))  # each look at the clock is two seconds after the last
    monkeypatch.setattr(alarming, "monotonic", lambda: next(moments))
    monkeypatch.setattr(alarming, "count", lambda pk: counted.append(pk) or alarming.Figures())
    start = timezone.now()
    for seconds in (0, 6, 30, 45):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            alarming.judge([issue.pk])
    assert len(counted) == 2, "at first, and forty seconds later"


def test_the_tick_looks_at_what_is_being_sent(issue):
    send(issue, 300)
    report(issue, bounced=30)
    assert alarming.judge_recent()
    assert state(issue) == "paused"


@pytest.mark.parametrize(("days", "looked"), [(29, True), (31, False)])
def test_the_tick_looks_at_what_came_after_the_end(issue, days, looked):
    """The worker that kept the reports was killed before it looked."""
    set_mailing(issue, "finished", started_at=timezone.now() - timedelta(days=days))
    send(issue, 300)
    report(issue, bounced=30)
    assert bool(alarming.judge_recent()) == looked
    assert alarming.judge_recent() == []


def test_the_tick_looks_also_when_totals_were_counted_first(issue):
    set_mailing(issue, "finished", started_at=timezone.now())
    send(issue, 300)
    report(issue, bounced=30)
    add_up(issue.pk)
    assert alarming.judge_recent()


def test_the_tick_leaves_what_has_not_moved(issue, django_assert_num_queries):
    set_mailing(issue, "finished", started_at=timezone.now())
    with django_assert_num_queries(1):
        assert alarming.judge_recent() == []


def test_the_alarm_is_in_the_pages_history(issue):
    send(issue, 1000)
    report(issue, complained=10)
    judge(issue)
    assert PageLogEntry.objects.filter(page=issue.pk, action=alarming.ALARM).count() == 1
    assert any("10 of 1,000" in one.words for one in happenings(issue))
