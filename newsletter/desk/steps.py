"""The line of steps that an issue takes, and the next one as a single button for the person who looks at it."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from wagtail.models import Revision

from newsletter.models import Approval, Issue, Mailing
from newsletter.standing import Standing

DONE, NOW, TO_COME = "done", "now", "to come"


@dataclass(frozen=True)
class Step:
    """One step, whether it is done, and who took it when."""

    label: str
    state: str
    when: datetime | None = None
    note: str = ""


@dataclass(frozen=True)
class Person:
    """What somebody may do with an issue. `may_approve` already heeds that they had no hand in it."""

    may_shape: bool
    may_ask: bool
    may_steer: bool
    may_approve: bool


@dataclass(frozen=True)
class Act:
    """What comes next, in a sentence, and the button for it; no label where this person can only wait."""

    sentence: str
    label: str = ""
    url: str = ""
    post: bool = False


def steps(issue: Issue, stands: Standing, approval: Approval | None) -> list[Step]:
    """Compiled, shaped, approved, scheduled, sending, sent: each with who did it, as far as that is known."""
    mailing: Mailing | None = getattr(issue, "mailing", None)
    planned = getattr(issue, "schedule", None)
    versions = Revision.page_revisions.filter(object_id=str(issue.pk))
    begun = versions.order_by("created_at").values_list("created_at", flat=True).first()
    shaped = versions.exclude(user=None).order_by("-created_at").select_related("user").defer("content").first()
    approved = bool(mailing or issue.live)
    done = {
        "Asked for" if issue.is_correction else "Compiled": (True, begun or issue.first_published_at, ""),
        "Shaped": (bool(shaped) or approved, shaped and shaped.created_at, f"by {shaped.user}" if shaped else ""),
        "Approved": (approved, approval and approval.at, f"by {approval.by}" if approval and approval.by else ""),
        "Scheduled": (bool(planned or mailing), planned and planned.send_at, "to be sent" if planned else ""),
        "Sending": (
            bool(mailing and mailing.finished_at),
            mailing and (mailing.started_at or mailing.frozen_at),
            stands.word.lower() if mailing and not mailing.finished_at else "",
        ),
        "Sent": (
            bool(mailing and mailing.is_out),
            mailing and mailing.finished_at,
            "cancelled" if mailing and mailing.state == Mailing.State.CANCELLED else "",
        ),
    }
    current = next((label for label, (is_done, _, _) in done.items() if not is_done), None)
    return [
        Step(label, DONE if is_done else NOW if label == current else TO_COME, when or None, note)
        for label, (is_done, when, note) in done.items()
    ]


def next_act(issue: Issue, person: Person) -> Act:
    """The one thing to do next."""
    mailing: Mailing | None = getattr(issue, "mailing", None)
    if mailing:
        return _mailed(issue, mailing)
    if issue.live and not issue.has_unpublished_changes:
        return _approved(issue, person)
    return _draft(issue, person)


def _mailed(issue: Issue, mailing: Mailing) -> Act:
    if mailing.state in (Mailing.State.FINISHED, Mailing.State.CANCELLED):
        return Act("It has come to its end.", "See the certificate", _url("newsletter_certificate", issue))
    if mailing.state == Mailing.State.PAUSED:
        return Act("It is held until somebody resumes or cancels it.", "See why", _url("newsletter_sending", issue))
    return Act("Nothing to do: it goes on by itself.", "Watch it being sent", _url("newsletter_sending", issue))


def _approved(issue: Issue, person: Person) -> Act:
    planned = getattr(issue, "schedule", None)
    page = _url("newsletter_approve", issue)
    if planned and not planned.missed_at and not planned.trouble:
        return Act("Nothing to do: it is sent by itself.", "See it as a reader", _url("newsletter_reader", issue))
    if not person.may_steer:
        return Act("Somebody who approves issues has to say when it is sent.")
    label = "Choose a new moment" if planned else "Choose when it is sent"
    return Act("It is approved, and waits for a moment to be sent.", label, page)


def _draft(issue: Issue, person: Person) -> Act:
    page, later = _url("newsletter_approve", issue), "the later draft" if issue.live else "it"
    if person.may_approve:
        asked = " A colleague asks you to." if issue.workflow_in_progress else ""
        planned = " Otherwise the version that was approved is what is sent." if issue.live else ""
        return Act(f"Look at {later}, then approve it.{asked}{planned}", "Look and approve", page)
    if issue.workflow_in_progress:
        return Act(
            f"A colleague has been asked to approve {later}.", "See it as a reader", _url("newsletter_reader", issue)
        )
    if person.may_ask and _is_shaped(issue):
        return Act(
            f"When you have done with {later}, ask a colleague to approve it.",
            "Ask for approval",
            _url("newsletter_ask", issue),
            post=True,
        )
    if person.may_shape:
        return Act("Shape it: order, headlines, introduction.", "Edit the issue", _edit(issue))
    return Act("Somebody who edits issues has to shape it.")


def _is_shaped(issue: Issue) -> bool:
    return bool(issue.latest_revision and issue.latest_revision.user_id) or bool(
        Revision.page_revisions.filter(object_id=str(issue.pk)).exclude(user=None).exists()
    )


def _edit(issue: Issue) -> str:
    return reverse("wagtailadmin_pages:edit", args=[issue.pk])


def _url(name: str, issue: Issue) -> str:
    return reverse(name, args=[issue.pk])
