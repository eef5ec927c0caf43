"""Approving: a second person, with the right to do so, publishes the latest draft."""

import pytest
from django.contrib.auth.models import Group
from wagtail.models import PageLogEntry

from membership.models import User
from newsletter.approving import approve, withdraw
from newsletter.compiling import IssueError, compile_issue
from newsletter.models import Issue
from newsletter.periods import Period
from newsletter.site import APPROVERS_GROUP, WORKFLOW
from tests import factories


@pytest.fixture
def approver(db) -> User:
    user = factories.UserFactory(email="approver@example.org")
    user.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return user


@pytest.fixture
def editor(db) -> User:
    """Somebody who may edit and approve: shaping the issue is what must keep them from approving it."""
    user = factories.UserFactory(email="editor@example.org")
    user.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return user


@pytest.fixture
def compiled(db) -> Issue:
    factories.entry(title="One")
    issue = compile_issue(Period.parse("2026-10")).issue
    return Issue.objects.get(pk=issue.pk)


@pytest.fixture(autouse=True)
def november(time_machine):
    time_machine.move_to("2026-11-02T09:00:00Z", tick=False)


def edit(issue: Issue, by: User, subject: str = "Edited") -> Issue:
    draft = issue.get_latest_revision_as_object()
    draft.subject = subject
    draft.save_revision(user=by)
    return Issue.objects.get(pk=issue.pk)


def test_publishes_the_latest_draft(compiled, editor, approver):
    issue = approve(edit(compiled, editor, "October for you"), by=approver)
    assert issue.is_approved
    live = Issue.objects.get(pk=issue.pk)
    assert (live.live, live.subject, live.items.count()) == (True, "October for you", 1)
    assert not live.has_unpublished_changes


def test_whoever_shaped_it_cannot_approve_it(compiled, editor):
    with pytest.raises(IssueError, match="colleague"):
        approve(edit(compiled, editor), by=editor)
    assert not Issue.objects.get(pk=compiled.pk).live


def test_a_recompile_does_not_wash_the_editors_hands(compiled, editor):
    """Compiling again saves a draft that nobody wrote; what the editor wrote is still in it."""
    edit(compiled, editor)
    factories.entry(title="Two")
    compile_issue(Period.parse("2026-10"))
    with pytest.raises(IssueError, match="colleague"):
        approve(Issue.objects.get(pk=compiled.pk), by=editor)


def test_one_person_may_do_both_where_that_is_set(compiled, editor, settings):
    settings.APPROVER_MUST_DIFFER = False
    assert approve(edit(compiled, editor), by=editor).live


@pytest.mark.parametrize("group", [None, "Members"])
def test_others_may_not(compiled, group):
    somebody = factories.UserFactory(email="somebody@example.org")
    if group:
        somebody.groups.add(Group.objects.get(name=group))
    with pytest.raises(IssueError, match="may not approve"):
        approve(compiled, by=somebody)
    assert not Issue.objects.get(pk=compiled.pk).live


def test_an_account_that_was_closed_may_not(compiled, approver):
    User.objects.filter(pk=approver.pk).update(is_active=False)
    with pytest.raises(IssueError, match="may not approve"):
        approve(compiled, by=User.objects.get(pk=approver.pk))


def test_issue_without_items_is_refused(compiled, approver):
    draft = compiled.get_latest_revision_as_object()
    draft.items.set([])
    draft.save_revision()
    with pytest.raises(IssueError, match="no items"):
        approve(Issue.objects.get(pk=compiled.pk), by=approver)


def test_issue_whose_items_are_all_left_out_is_refused(compiled, approver):
    draft = compiled.get_latest_revision_as_object()
    items = list(draft.items.all())
    items[0].left_out = True
    draft.items.set(items)
    draft.save_revision()
    with pytest.raises(IssueError, match="no items"):
        approve(Issue.objects.get(pk=compiled.pk), by=approver)


def test_approving_again_changes_nothing(compiled, approver):
    first = approve(compiled, by=approver)
    again = approve(Issue.objects.get(pk=compiled.pk), by=approver)
    assert again.live_revision == first.live_revision
    assert again.last_published_at == first.last_published_at


def test_submitted_to_the_workflow_it_is_approved_there(compiled, editor, approver):
    issue = edit(compiled, editor)
    workflow = issue.get_workflow()
    assert workflow.name == WORKFLOW
    state = workflow.start(issue, editor)
    approve(Issue.objects.get(pk=issue.pk), by=approver)
    state.refresh_from_db()
    assert state.status == state.STATUS_APPROVED
    assert state.current_task_state.finished_by == approver
    assert Issue.objects.get(pk=issue.pk).live


def test_who_approved_is_on_record(compiled, approver):
    approve(compiled, by=approver)
    assert PageLogEntry.objects.filter(page=compiled.pk, user=approver).exists()


def test_a_withdrawn_approval_does_not_wash_hands_either(compiled, editor, approver, time_machine):
    """Whoever shaped it cannot approve alone what a colleague approved and took back."""
    issue = approve(edit(compiled, editor), by=approver)
    time_machine.shift(60)
    withdraw(issue, by=approver, reason="A wrong date in it")
    with pytest.raises(IssueError, match="colleague"):
        approve(Issue.objects.get(pk=issue.pk), by=editor)
    assert not Issue.objects.get(pk=issue.pk).live


def test_after_changes_were_asked_for_it_can_be_approved_without_asking_again(compiled, editor, approver):
    issue = edit(compiled, editor)
    state = issue.get_workflow().start(issue, editor)
    state.current_task_state.reject(user=approver)
    issue = approve(edit(Issue.objects.get(pk=issue.pk), editor, "As you asked"), by=approver)
    assert issue.live
    assert not issue.workflow_in_progress
