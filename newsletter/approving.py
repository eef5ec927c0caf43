"""Approving: a second person publishes the issue, and with it the words its entries say at that moment (ADR 14)."""

import hashlib
import json
from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from wagtail.log_actions import log
from wagtail.models import Revision
from wagtail.signals import workflow_approved

from membership.models import User
from newsletter.compiling import IssueError
from newsletter.differences import keep
from newsletter.editions import IssueEditions
from newsletter.models import Approval, Issue, Schedule, SeenEditions
from newsletter.preflight import Finding, Level, preflight
from newsletter.wording import write_wordings


class NotAcknowledged(IssueError):
    """Warnings that nobody has taken responsibility for."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__(
            f"{len(findings)} {'warning needs' if len(findings) == 1 else 'warnings need'} a look before this issue "
            f"can be approved: {findings[0].sentence}"
        )


@transaction.atomic
def approve(
    issue: Issue, *, by: User, version: str | None = None, acknowledged: Collection[str] | None = None
) -> Issue:
    """Approve the latest draft, as `by`, and return the published issue. An approved issue is left as it is.

    `version` is what `by` looked at (`version_of`): anything else is refused. `acknowledged` holds the keys of the
    warnings they take responsibility for; None takes it for all. Raises IssueError when `by` may not approve, wrote
    the draft themselves, or the pre-flight finds an error; NotAcknowledged when it finds other warnings.
    """
    Issue.objects.select_for_update(of=("self",)).get(pk=issue.pk)
    issue.refresh_from_db()
    if issue.live and not issue.has_unpublished_changes:
        return issue
    check_approver(issue, by)
    draft: Revision = issue.latest_revision or issue.save_revision()
    content = draft.as_object()
    editions = IssueEditions(content)
    editions.load_quarter()
    if version is not None and version != _version(draft, editions):
        raise IssueError("The issue, or an entry in it, was changed while you were looking at it: look at it again.")
    warnings = [one for one in checked(content) if one.level == Level.WARNING]
    missing = [] if acknowledged is None else [one for one in warnings if one.key not in acknowledged]
    if missing:
        raise NotAcknowledged(missing)
    # A version of its own: Wagtail saves over a draft that somebody still has open, and this one stays as approved.
    draft = content.save_revision(clean=False, log_action=False)
    _publish(issue, draft, by)
    issue = Issue.objects.get(pk=issue.pk)
    Approval.objects.create(
        issue=issue,
        revision=draft,
        by=by,
        acknowledged=[{"key": one.key, "sentence": one.sentence} for one in warnings],
        items_per_edition=editions.limit,
        entries=write_wordings(editions.pages[page] for page in sorted(editions.pages)),
    )
    if not issue.is_correction:
        keep(issue, editions, SeenEditions.Why.APPROVED, by)
    log(issue, "newsletter.approve", user=by, revision=draft, data={"acknowledged": len(warnings)})
    return issue


def version_of(issue: Issue) -> str:
    """What approving now would publish, as a digest: Wagtail saves over the same revision while somebody types, and
    entries change by themselves, so that no number of a draft says what was looked at."""
    draft: Revision | None = issue.latest_revision
    if not draft:
        return ""
    editions = IssueEditions(draft.as_object())
    editions.load_quarter()
    return _version(draft, editions)


def _version(draft: Revision, editions: IssueEditions) -> str:
    words = write_wordings(editions.pages[page] for page in sorted(editions.pages))
    seen = json.dumps([draft.pk, draft.content, editions.limit, words], sort_keys=True, default=str)
    return hashlib.sha256(seen.encode()).hexdigest()


def checked(content: Issue) -> list[Finding]:
    """Run the pre-flight; raise IssueError with the first of its errors."""
    findings = preflight(content)
    errors = [one for one in findings if one.level == Level.ERROR]
    if errors:
        more = f" ({len(errors) - 1} more in the pre-flight)" if len(errors) > 1 else ""
        raise IssueError(errors[0].sentence + more)
    return findings


def check_approver(issue: Issue, person: User) -> None:
    """Raise IssueError with the reason why somebody cannot approve this issue."""
    if not person.is_active or not issue.permissions_for_user(person).may_approve():
        raise IssueError("This person may not approve issues: choose somebody from the Approver group.")
    if issue.get_mailing():
        raise IssueError(f"The issue {issue.period} has been frozen for sending: what was approved is what is sent.")
    if settings.APPROVER_MUST_DIFFER and had_a_hand_in(issue, person):
        raise IssueError("Whoever shaped the issue cannot approve it: ask a colleague.")


@transaction.atomic
def withdraw(issue: Issue, *, by: User | None, reason: str) -> None:
    """Take an approval back: the issue is a draft again, and is not sent. Raises IssueError once it is frozen."""
    reason = " ".join(reason.split())
    if not reason:
        raise IssueError("Say why you withdraw the approval: the reason is kept with the issue.")
    issue = Issue.objects.select_for_update(of=("self",)).get(pk=issue.pk)  # a freeze holds it too
    if issue.get_mailing():
        raise IssueError(f"The issue {issue.period} has been frozen for sending: pause or cancel it instead.")
    if not issue.live:
        raise IssueError(f"The issue {issue.period} is not approved.")
    Schedule.objects.filter(pk=issue.pk).delete()
    issue.unpublish(user=by)
    log(issue, "newsletter.withdraw", user=by, data={"reason": reason})


def had_a_hand_in(issue: Issue, person: User) -> bool:
    """Whether any version since the last approval that counts is theirs: neither compiling again nor withdrawing an
    approval washes anybody's hands."""
    versions = Revision.page_revisions.filter(object_id=str(issue.pk), user=person)
    if issue.live and issue.last_published_at:
        versions = versions.filter(created_at__gt=issue.last_published_at)
    return bool(versions.exists())


def _publish(issue: Issue, draft: Revision, by: User) -> None:
    """Through the workflow when it was submitted to one. Wagtail would publish without asking us when the last task is
    approved, and lets nobody publish an issue by hand: so the state is moved here, and the draft published by us."""
    state = issue.current_workflow_state
    if state and (task := state.current_task_state):
        if task.status == task.STATUS_IN_PROGRESS:  # not so when a colleague has asked for changes
            task.approve(user=by, update=False)
        state.status = state.STATUS_APPROVED
        state.save(update_fields=["status"])
    draft.publish(user=by, skip_permission_checks=True)
    if state:
        workflow_approved.send(sender=type(state), instance=state, user=by)
