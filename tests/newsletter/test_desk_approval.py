"""The page on which a colleague approves an issue and says when it is sent."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import GroupPagePermission

from newsletter.approving import approve, version_of
from newsletter.compiling import archive_page, compile_issue
from newsletter.models import Approval, Delivery, Edition, EditionItem, Issue, Schedule
from newsletter.periods import Period
from newsletter.preflight import Level, preflight
from newsletter.reach import mailable
from tests import factories

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def log_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def author(db):
    """Somebody who may change issues, and no more."""
    group = Group.objects.create(name="Shapers")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    change = Permission.objects.get(codename="change_page", content_type__app_label="wagtailcore")
    GroupPagePermission.objects.create(group=group, page=archive_page(), permission=change)
    person = factories.UserFactory(email="author@example.org")
    person.groups.add(group)
    return person


@pytest.fixture
def compiled(db) -> Issue:
    factories.entry(title="One", summary="What a health visitor can ask at the first visit.")
    issue = compile_issue(Period.parse("2026-10")).issue
    assert issue
    return Issue.objects.get(pk=issue.pk)


def edit(issue: Issue, by, **values: str) -> Issue:
    draft = issue.get_latest_revision_as_object()
    for name, value in values.items():
        setattr(draft, name, value)
    draft.save_revision(user=by)
    return Issue.objects.get(pk=issue.pk)


def form(issue: Issue, **values) -> dict:
    warnings = [one.key for one in preflight(issue.get_latest_revision_as_object()) if one.level == Level.WARNING]
    return {
        "version": version_of(issue),
        "acknowledge": warnings,
        "when": "planned",
        "send_at": "2026-11-05T09:00",
        **values,
    }


def give(client: Client, issue: Issue, **values):
    return client.post(reverse("newsletter_approve_give", args=[issue.pk]), form(issue, **values))


def refused(response) -> bool:
    """Wagtail sends people without the right back to their home page, with a sentence."""
    return response.status_code == 302 and response["Location"] == reverse("wagtailadmin_home")


def page(client: Client, issue: Issue) -> str:
    return client.get(reverse("newsletter_approve", args=[issue.pk])).content.decode()


def test_approving_schedules_it_for_the_day_that_was_shown(compiled, approver):
    factories.subscription()
    client = log_in(approver)
    html = page(client, compiled)
    assert "Approve for 1 member" in html
    assert 'value="2026-11-05T09:00"' in html
    response = give(client, compiled)
    assert response.status_code == 302
    assert Issue.objects.get(pk=compiled.pk).live
    assert Schedule.objects.get().send_at == timezone.make_aware(datetime(2026, 11, 5, 9))
    assert "Thursday 5 November 2026" in page(client, compiled)


def test_the_number_of_members_leaves_out_who_is_not_mailed(compiled, approver, members):
    assert "Approve for 4 members" in page(log_in(approver), compiled)


def test_the_date_may_be_left_for_later(compiled, approver):
    give(log_in(approver), compiled, when="later")
    assert Issue.objects.get(pk=compiled.pk).live
    assert not Schedule.objects.exists()


def test_what_was_changed_meanwhile_is_not_approved(compiled, approver, author):
    """Approving while another edits: the approver answers for what they saw, and for nothing else."""
    seen = form(compiled)
    edit(compiled, author, subject="Something else")
    response = log_in(approver).post(reverse("newsletter_approve_give", args=[compiled.pk]), seen)
    assert response.status_code == 422
    assert "was changed while you were looking" in response.content.decode()
    assert not Issue.objects.get(pk=compiled.pk).live


def test_warnings_must_be_acknowledged_one_by_one(compiled, approver, author):
    issue = edit(compiled, author, preheader="")
    warnings = [one for one in preflight(issue.get_latest_revision_as_object()) if one.level == Level.WARNING]
    assert warnings, "an issue without the line after the subject is worth a warning"
    client = log_in(approver)
    assert give(client, issue, acknowledge=[]).status_code == 422
    assert not Issue.objects.get(pk=issue.pk).live
    assert give(client, issue).status_code == 302
    approval = Approval.objects.get()
    assert approval.by == approver
    assert {one["key"] for one in approval.acknowledged} == {one.key for one in warnings}
    assert warnings[0].sentence in page(client, issue).replace("&#x27;", "'").replace("&quot;", '"')


def test_an_error_blocks(compiled, approver, author):
    draft = compiled.get_latest_revision_as_object()
    draft.items.set([])
    draft.save_revision(user=author)
    issue = Issue.objects.get(pk=compiled.pk)
    client = log_in(approver)
    assert "no items" in page(client, issue)
    assert give(client, issue).status_code == 422
    assert not Issue.objects.get(pk=issue.pk).live


def test_whoever_shaped_it_is_told_to_ask_a_colleague(compiled, approver):
    issue = edit(compiled, approver, subject="Mine")
    client = log_in(approver)
    assert "ask a colleague" in page(client, issue)
    assert give(client, issue).status_code == 422
    assert not Issue.objects.get(pk=issue.pk).live


def test_an_author_asks_and_cannot_approve(compiled, author):
    client = log_in(author)
    assert "Ask for approval" in page(client, compiled)
    assert refused(give(client, compiled))
    client.post(reverse("newsletter_ask", args=[compiled.pk]))
    issue = Issue.objects.get(pk=compiled.pk)
    assert issue.workflow_in_progress
    assert "Your colleagues have been asked" in page(client, issue)


def test_approving_ends_the_workflow_it_was_submitted_to(compiled, author, approver):
    log_in(author).post(reverse("newsletter_ask", args=[compiled.pk]))
    give(log_in(approver), Issue.objects.get(pk=compiled.pk))
    issue = Issue.objects.get(pk=compiled.pk)
    assert issue.live
    assert not issue.workflow_in_progress


def test_reschedule_and_take_the_date_away(compiled, approver):
    client = log_in(approver)
    give(client, compiled)
    address = reverse("newsletter_schedule", args=[compiled.pk])
    client.post(address, {"send_at": "2026-11-09T07:30"})
    assert Schedule.objects.get().send_at == timezone.make_aware(datetime(2026, 11, 9, 7, 30))
    client.post(address, {"send_at": "2026-11-09T07:30", "unschedule": ""})
    assert not Schedule.objects.exists()


@pytest.mark.parametrize("text", ["", "soon", "2026-13-40T99:99"])
def test_a_date_that_is_none_is_refused_with_a_sentence(compiled, approver, text):
    client = log_in(approver)
    response = give(client, compiled, send_at=text)
    assert response.status_code == 422
    assert "a day and an hour" in response.content.decode()
    assert not Issue.objects.get(pk=compiled.pk).live


def test_a_past_date_leaves_it_approved_without_one(compiled, approver):
    client = log_in(approver)
    response = client.post(
        reverse("newsletter_approve_give", args=[compiled.pk]), form(compiled, send_at="2026-10-05T09:00"), follow=True
    )
    assert "That moment has passed" in response.content.decode()
    assert Issue.objects.get(pk=compiled.pk).live
    assert not Schedule.objects.exists()


def test_withdrawing_needs_a_reason(compiled, approver):
    approve(compiled, by=approver)
    client = log_in(approver)
    address = reverse("newsletter_withdraw", args=[compiled.pk])
    assert client.post(address, {"reason": " "}).status_code == 422
    assert Issue.objects.get(pk=compiled.pk).live
    client.post(address, {"reason": "A wrong date in it"})
    assert not Issue.objects.get(pk=compiled.pk).live


@pytest.mark.parametrize(
    "name", ["newsletter_approve_give", "newsletter_schedule", "newsletter_withdraw", "newsletter_ask"]
)
def test_looking_changes_nothing(compiled, approver, name):
    assert log_in(approver).get(reverse(name, args=[compiled.pk])).status_code == 405


@pytest.mark.parametrize("name", ["newsletter_approve_give", "newsletter_schedule", "newsletter_withdraw"])
def test_authors_may_do_none_of_it(compiled, approver, author, name):
    approve(compiled, by=approver)
    values = {"send_at": "2026-11-05T09:00", "reason": "Because"}
    assert refused(log_in(author).post(reverse(name, args=[compiled.pk]), values))
    assert Issue.objects.get(pk=compiled.pk).live
    assert not Schedule.objects.exists()


def test_a_later_change_of_an_approved_issue_can_be_approved_too(compiled, author, approver):
    approve(compiled, by=approver)
    issue = edit(compiled, author, subject="Better words")
    client = log_in(approver)
    assert "Later changes" in page(client, issue)
    give(client, issue)
    assert Issue.objects.get(pk=issue.pk).subject == "Better words"


@pytest.mark.parametrize("size", [3, 12])
def test_queries_do_not_grow_with_the_issue(db, approver, size, django_assert_max_num_queries):
    for _ in range(size):
        factories.entry("event", sectors=["health"], regions=["london"])
        factories.subscription()
    issue = compile_issue(Period.parse("2026-10")).issue
    client = log_in(approver)
    page(client, issue)
    with django_assert_max_num_queries(80):
        page(client, issue)


def test_its_moment_is_shown_as_missed(compiled, approver):
    approve(compiled, by=approver)
    Schedule.objects.create(issue=compiled, send_at=NOW - timedelta(days=2), missed_at=NOW)
    assert "Missed" in page(log_in(approver), compiled)


def test_a_correction_names_those_who_received_what_it_corrects(compiled, approver):
    """Not everybody: here one of two members has the item."""
    reached, left_out = factories.subscription(), factories.subscription()
    edition = Edition.objects.create(issue=compiled, number=1)
    EditionItem.objects.create(edition=edition, item=compiled.items.get(), place=1)
    for number, subscription in enumerate((reached, left_out)):
        Delivery.objects.create(
            issue=compiled,
            edition=edition if not number else Edition.objects.create(issue=compiled, number=2),
            member=subscription.member,
            state=Delivery.State.SENT,
        )
    correction = factories.issue("2026-10-c1", corrects=compiled.items.get(), introduction="<p>The date was wrong.</p>")
    assert (mailable(correction), mailable(compiled)) == (1, 2)
