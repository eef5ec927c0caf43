"""What staff hear by mail: an issue was compiled, a month holds nothing, an issue was sent. Each once."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core import mail

from newsletter import telling
from newsletter.certificate import issue_certificate
from newsletter.compiling import Compiled, compile_issue
from newsletter.milestones import tell_empty
from newsletter.models import CertificateRecord, Delivery, Issue, Mailing, NewsletterSettings
from newsletter.periods import Period
from newsletter.site import APPROVERS_GROUP
from newsletter.ticking import run_due
from tests import factories
from tests.newsletter.fakes import open_mailing

pytestmark = pytest.mark.django_db
LONDON = ZoneInfo("Europe/London")


@pytest.fixture(autouse=True)
def november(settings):
    settings.SITE_URL = "https://hub.example.org"
    with time_machine.travel(datetime(2026, 11, 2, 9, tzinfo=LONDON), tick=False):
        NewsletterSettings.load()
        yield


@pytest.fixture
def approver():
    user = factories.UserFactory(email="approver@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return user


def subjects():
    return [message.subject for message in mail.outbox]


def test_compiled_by_the_tick_is_told_once(approver):
    factories.entry(title="New")
    factories.entry(title="Stale", review_due=datetime(2026, 10, 20).date())
    for _ in range(3):
        run_due()
    assert subjects() == ["The October 2026 e-news has been compiled"]
    message = mail.outbox[0]
    issue = Issue.objects.get()
    assert message.to == ["approver@example.org"]
    assert "1 item, and 1 left out" in message.body
    assert f"https://hub.example.org/admin/e-news/{issue.pk}/" in message.body
    assert "Thursday 5 November 2026, 09:00" in message.body


def test_whoever_compiles_by_hand_is_not_mailed(approver):
    factories.entry()
    compile_issue(Period(2026, 10), by=approver)
    run_due()
    assert subjects() == []


def test_only_those_named_in_the_settings_are_told(approver):
    other = factories.UserFactory(email="editor@example.org")
    group = Group.objects.create(name="Told")
    other.groups.add(group)
    NewsletterSettings.load().told.add(group)
    factories.entry()
    run_due()
    assert [message.to for message in mail.outbox] == [["editor@example.org"]]


def test_empty_month_is_told_once_over_many_ticks(approver):
    for _ in range(4):
        run_due()
    assert subjects() == ["There is nothing for the October 2026 e-news"]
    assert "/admin/e-news/compile/?month=2026-10" in mail.outbox[0].body


def test_next_empty_month_is_told_too(approver):
    run_due()
    with time_machine.travel(datetime(2026, 12, 2, 9, tzinfo=LONDON), tick=False):
        run_due()
    assert len(subjects()) == 2
    assert subjects()[1] == "There is nothing for the November 2026 e-news"


def test_of_two_processes_one_tells(approver):
    nothing = Compiled("2026-10", None)
    assert [tell_empty(nothing), tell_empty(nothing)] == [True, False]
    assert len(mail.outbox) == 1


def test_empty_month_that_fills_up_is_compiled_and_told(approver):
    run_due()
    factories.entry()
    run_due()
    assert subjects()[1] == "The October 2026 e-news has been compiled"


def finish(issue):
    Delivery.objects.filter(issue=issue).update(state="sent")
    Mailing.objects.filter(pk=issue.pk).update(state="finished", finished_at=datetime(2026, 11, 2, 8, tzinfo=LONDON))


def test_sent_is_told_once_with_counts_and_certificate(approver, django_capture_on_commit_callbacks):
    issue = open_mailing([factories.subscription(), factories.subscription()])
    finish(issue)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            issue_certificate(Issue.objects.get(pk=issue.pk))
    assert subjects() == ["The October 2026 e-news has been sent"]
    assert "Accepted by the mail provider: 2 of 2" in mail.outbox[0].body
    assert f"https://hub.example.org/admin/e-news/{issue.pk}/certificate/" in mail.outbox[0].body


def test_second_certificate_of_an_issue_tells_nobody(approver, django_capture_on_commit_callbacks):
    issue = open_mailing([factories.subscription()])
    finish(issue)
    issue_certificate(Issue.objects.get(pk=issue.pk))
    Mailing.objects.filter(pk=issue.pk).update(finished_at=datetime(2026, 11, 2, 10, tzinfo=LONDON))
    with django_capture_on_commit_callbacks(execute=True):
        issue_certificate(Issue.objects.get(pk=issue.pk))
    assert CertificateRecord.objects.filter(issue=issue).count() == 2
    assert subjects() == []


def test_cancelled_is_not_told_as_sent(approver, django_capture_on_commit_callbacks):
    issue = open_mailing([])
    Mailing.objects.filter(pk=issue.pk).update(state="cancelled")
    with django_capture_on_commit_callbacks(execute=True):
        issue_certificate(Issue.objects.get(pk=issue.pk))
    assert subjects() == []


def test_nothing_names_a_member(approver, django_capture_on_commit_callbacks):
    issue = open_mailing([factories.subscription("secret@example.org", first_name="Zebedee")])
    finish(issue)
    with django_capture_on_commit_callbacks(execute=True):
        issue_certificate(Issue.objects.get(pk=issue.pk))
    text = "".join(message.subject + message.body for message in mail.outbox)
    assert text
    assert "secret@example.org" not in text
    assert "Zebedee" not in text


def test_asking_for_approval_mails_the_approvers_without_member_data(approver, django_capture_on_commit_callbacks):
    """Wagtail's own notification: our step of the workflow is of a kind that it knows."""
    factories.subscription("secret@example.org", first_name="Zebedee")
    author = factories.UserFactory(email="author@example.org", is_superuser=True)
    factories.entry()
    issue = compile_issue(Period(2026, 10)).issue
    with django_capture_on_commit_callbacks(execute=True):
        Issue.objects.get(pk=issue.pk).get_workflow().start(Issue.objects.get(pk=issue.pk), author)
    assert [message.to for message in mail.outbox if message.to == ["approver@example.org"]]
    text = "".join(message.subject + message.body for message in mail.outbox)
    assert f"/admin/pages/{issue.pk}/" in text
    assert "secret@example.org" not in text
    assert "Zebedee" not in text


def test_one_address_that_is_refused_silences_nobody_else(approver, monkeypatch):
    other = factories.UserFactory(email="aaa@example.org", is_superuser=True)
    reached = []

    def send_mail(subject, text, sender, to):
        if to == [approver.email]:
            raise OSError("refused")
        reached.extend(to)

    monkeypatch.setattr(telling, "send_mail", send_mail)
    telling.tell("The e-news is paused", "Look at it.")
    assert reached == [other.email]
