"""The figures of an issue are mailed once, three days after it was sent, also when that day was missed."""

import random
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core.cache import cache
from wagtail.models import PageLogEntry

from cms.groups import AUTHORS_GROUP
from membership.sample_members import make_members
from newsletter import summing_up
from newsletter.models import Mailing, NewsletterSettings
from newsletter.site import APPROVERS_GROUP
from newsletter.summing_up import sum_up_due
from newsletter.ticking import run_due
from tests import factories
from tests.newsletter.aftermath import staff
from tests.newsletter.hits import sent_issue

SENT = datetime(2026, 11, 5, 9, tzinfo=UTC)


@pytest.fixture
def issue(db):
    cache.clear()
    with time_machine.travel(SENT, tick=False):
        staff("approver@example.org")
        make_members(40, audiences=3)
        return sent_issue("2026-10", [factories.entry(title="A guide")], random.Random(4), start=SENT)


def at(**later) -> list[str]:
    with time_machine.travel(SENT + timedelta(**later), tick=False):
        return sum_up_due()


def test_three_days_after_sending_and_once(issue, mailoutbox):
    assert at(days=2, hours=23) == []
    assert at(days=3, minutes=1) == ["2026-10"]
    assert at(days=3, minutes=2) == []
    assert at(days=9) == []
    (mail,) = mailoutbox
    assert (mail.subject, mail.to) == ("The October 2026 e-news in figures", ["approver@example.org"])
    assert f"/admin/e-news/{issue.pk}/summary/" in mail.body
    sent = issue.deliveries.filter(state="sent").count()
    assert f"Sent: {sent}\n" in mail.body


def test_authors_hear_of_it_unless_the_settings_name_others(issue, mailoutbox):
    staff("author@example.org", AUTHORS_GROUP)
    at(days=4)
    assert {mail.to[0] for mail in mailoutbox} == {"approver@example.org", "author@example.org"}
    mailoutbox.clear()
    PageLogEntry.objects.filter(page=issue.pk).delete()
    NewsletterSettings.load().told.add(Group.objects.get(name=APPROVERS_GROUP))
    at(days=5)
    assert {mail.to[0] for mail in mailoutbox} == {"approver@example.org"}


def test_tried_again_while_nobody_could_be_reached(issue, mailoutbox, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr("newsletter.telling.send_mail", Mock(side_effect=OSError("down")))
        assert at(days=4) == []
    assert at(days=4, minutes=30) == [], "not every minute"
    assert at(days=4, hours=2) == ["2026-10"]
    assert len(mailoutbox) == 1


@pytest.mark.parametrize("part", ["add_up", "tell"])
def test_tried_again_after_a_kill(issue, mailoutbox, monkeypatch, part):
    with monkeypatch.context() as killed:
        killed.setattr(summing_up, part, Mock(side_effect=SystemExit))
        with pytest.raises(SystemExit):
            at(days=4)
    assert at(days=4, hours=2) == ["2026-10"]
    assert len(mailoutbox) == 1


def test_a_missed_day_is_made_up_for(issue, mailoutbox):
    with time_machine.travel(SENT + timedelta(days=6), tick=False):
        assert run_due().summed_up == ["2026-10"]
    assert len(mailoutbox) == 1


def test_nobody_hears_of_what_is_long_past(issue):
    assert at(days=31) == []


def test_cancelled_issues_and_corrections_have_none(issue):
    Mailing.objects.update(state="cancelled")
    assert at(days=4) == []


def test_small_figures_are_hidden_in_the_mail(issue, mailoutbox):
    issue.deliveries.filter(state="sent").exclude(pk__in=issue.deliveries.filter(state="sent").values("pk")[:9]).update(
        state="failed", reason="made up"
    )
    at(days=4)
    assert "Sent: hidden\n" in mailoutbox[0].body
