"""Where an issue stands, in a word and a sentence, for lists and panels: one reading, so that no two pages disagree."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Prefetch, QuerySet
from django.db.models.fields.json import KeyTextTransform
from wagtail.models import WorkflowState

from newsletter.models import CertificateRecord, Delivery, Issue, Mailing, NewsletterSettings
from newsletter.models.issue import IssueQuerySet
from newsletter.scheduling import usual_moment

GOOD, WARN, BAD, PLAIN = "good", "warn", "bad", ""  # how much it asks for somebody: the ends of `desk-flag-…`

MAILED = {
    Mailing.State.FROZEN: ("Frozen", WARN, "Its editions and recipients are fixed; sending has not begun."),
    Mailing.State.SENDING: ("Sending", GOOD, "It is on its way."),
    Mailing.State.PAUSED: ("Paused", BAD, "Sending is held until somebody resumes it."),
    Mailing.State.CANCELLED: ("Cancelled", BAD, "Whoever had not been mailed will not be."),
    Mailing.State.FINISHED: ("Sent", GOOD, "Everybody has been dealt with."),
}


@dataclass(frozen=True)
class Standing:
    """`word` and `tone` make the flag; `when` is the next date that matters, and `what` says what happens on it."""

    word: str
    tone: str
    sentence: str
    when: datetime | None = None
    what: str = ""


@dataclass(frozen=True)
class Sent:
    """Deliveries that were frozen, and those of them that the provider has accepted."""

    frozen: int
    sent: int


def issues_with_standing(issues: Iterable[Issue]) -> list[tuple[Issue, Standing, Sent | None]]:
    """Each issue with where it stands and its counts, in a fixed number of queries.

    The issues are to be read with `with_standing`, which fetches along what is asked of them here.
    """
    found = list(issues)
    chosen = NewsletterSettings.load()
    counts = sent_counts(found)
    return [(issue, standing(issue, chosen), counts.get(issue.pk)) for issue in found]


def with_standing(issues: QuerySet[Issue]) -> IssueQuerySet:
    """Fetch along what `standing` reads."""
    assert isinstance(issues, IssueQuerySet)
    # A draft's own row says what it said when it was made; Wagtail keeps what was saved since in its revisions.
    drafted = KeyTextTransform("subject", "latest_revision__content")
    found: IssueQuerySet = issues.annotate(drafted_subject=drafted).select_related("mailing", "schedule")
    # As Wagtail's `prefetch_workflow_states` does, which looks for those of plain pages only.
    active = WorkflowState.objects.active().select_related("current_task_state__task")
    return found.prefetch_related(Prefetch("_specific_workflow_states", active, to_attr="_current_workflow_states"))


def standing(issue: Issue, chosen: NewsletterSettings) -> Standing:
    """Say where one issue stands."""
    if mailing := getattr(issue, "mailing", None):
        word, tone, sentence = MAILED[Mailing.State(mailing.state)]
        ended = mailing.finished_at
        return Standing(word, tone, mailing.held_because or sentence, ended, "ended" if ended else "")
    return _approved(issue) if issue.live else _draft(issue, chosen)


def sent_counts(issues: Iterable[Issue]) -> dict[int, Sent]:
    """Counts by issue, in two queries: a sealed certificate has them, so that only running ledgers are counted."""
    frozen = {issue.pk: issue.mailing.frozen for issue in issues if getattr(issue, "mailing", None)}
    records = CertificateRecord.objects.filter(issue__in=frozen).order_by("issued_at", "pk")
    sent: dict[int, int] = dict(records.values_list("issue", "counts__sent"))
    counted = Delivery.objects.filter(issue__in=set(frozen) - set(sent), state=Delivery.State.SENT).order_by()
    sent |= dict(counted.values_list("issue").annotate(Count("pk")))
    return {pk: Sent(number, sent.get(pk, 0)) for pk, number in frozen.items()}


def _approved(issue: Issue) -> Standing:
    planned = getattr(issue, "schedule", None)
    if not planned:
        return Standing("Approved, no date", WARN, "Somebody who approves issues says when it is sent.")
    if planned.missed_at:
        sentence = "Its moment passed and it was not sent: choose a new one."
        return Standing("Moment missed", BAD, sentence, planned.send_at, "should have been sent")
    if planned.trouble:
        return Standing("Not started", BAD, planned.trouble, planned.send_at, "should have been sent")
    return Standing("Scheduled", GOOD, "Nothing to do: it is sent by itself.", planned.send_at, "to be sent")


def _draft(issue: Issue, chosen: NewsletterSettings) -> Standing:
    usual = usual_moment(issue, chosen)
    state = issue.current_workflow_state
    if not state:
        return Standing("Draft", PLAIN, "Shape it, then ask a colleague to approve it.", usual, "usually sent")
    if state.status == WorkflowState.STATUS_NEEDS_CHANGES:
        return Standing("Changes asked for", WARN, "Whoever looked at it asks for changes.", usual, "usually sent")
    return Standing("Waiting for approval", WARN, "A colleague has to approve it.", usual, "usually sent")
