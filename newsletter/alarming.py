"""Alarming: too many complaints or bounces of an issue are told to the staff, and pause what is still being sent.

Mail providers alert at 0.1 % complaints and block at 0.3 % (quality.md 5). Once somebody has let a paused issue go
on, only what has come since then counts: the same figures do not pause it again.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Q
from wagtail.log_actions import log
from wagtail.models import PageLogEntry

from newsletter.models import Delivery, Issue, Mailing, ProviderEvent
from newsletter.steering import pause_for_trouble
from newsletter.telling import tell

ALARM = "newsletter.alarm"  # the entry of an issue's log that says what was told, with the figures
LEAST_SENT = 200  # before that, shares of it say nothing
LEAST_COMPLAINTS = 2  # for a pause: one is a person, not a rate
COMPLAINTS_ALERT, COMPLAINTS_PAUSE, BOUNCES_PAUSE = 0.001, 0.003, 0.05
EVERY = 5  # seconds between two counts of an issue; the tick makes up for those left out
NOT_TAKEN = ("bounced", "rejected", "failed")  # of these, those with a verdict are bounces


@dataclass(frozen=True)
class Figures:
    """How many people an issue went to, how many of them complained, and of how many it bounced."""

    sent: int = 0
    complained: int = 0
    bounced: int = 0

    def __sub__(self, other: "Figures") -> "Figures":
        return Figures(self.sent - other.sent, self.complained - other.complained, self.bounced - other.bounced)

    @property
    def must_pause(self) -> str:
        """Why sending must not go on, with the figures; nothing when it may."""
        if self.sent < LEAST_SENT:
            return ""
        if self.complained >= LEAST_COMPLAINTS and self.complained > COMPLAINTS_PAUSE * self.sent:
            return f"{self._complaints} At most {COMPLAINTS_PAUSE:.1%} may: look at who was mailed, and why."
        if self.bounced > BOUNCES_PAUSE * self.sent:
            return (
                f"{self.bounced:,} of {self.sent:,} messages bounced ({self.bounced / self.sent:.1%}). At most "
                f"{BOUNCES_PAUSE:.0%} may: look at where the addresses came from."
            )
        return ""

    @property
    def must_tell(self) -> str:
        """What the staff must hear of; nothing when all is well."""
        alert = self.sent >= LEAST_SENT and self.complained > COMPLAINTS_ALERT * self.sent
        return self.must_pause or (f"{self._complaints} Above {COMPLAINTS_ALERT:.1%} is a warning." if alert else "")

    @property
    def _complaints(self) -> str:
        share = self.complained / self.sent
        return f"{self.complained:,} of {self.sent:,} people reported it as spam ({share:.2%})."


def count(issue: int) -> Figures:
    """Count people, not reports."""
    reports = ProviderEvent.objects.filter(delivery__issue=issue)
    bounced = Q(event_type__in=NOT_TAKEN) & ~Q(verdict="")
    found = reports.filter(bounced | Q(event_type="complained")).aggregate(
        complained=Count("delivery", distinct=True, filter=Q(event_type="complained")),
        bounced=Count("delivery", distinct=True, filter=bounced),
    )
    sent = Delivery.objects.filter(issue=issue, state=Delivery.State.SENT).count()
    return Figures(sent, **found)


def judge(issues: Iterable[int], *, every: int = EVERY) -> list[str]:
    """Look at issues of which complaints or bounces have come in. Returns what was told, one sentence each.

    May be called at any time and by several at once: each alarm is raised once.
    """
    told = []
    for pk in sorted(issues):
        if every and not cache.add(f"newsletter.alarming:{pk}", True, every):
            continue
        if said := _judge(pk):
            told.append(said)
    return told


def judge_sending() -> list[str]:
    """Look at everything that is being sent: whatever was left out while reports came in fast."""
    return judge(Mailing.objects.filter(state=Mailing.State.SENDING).values_list("pk", flat=True), every=0)


def _judge(pk: int) -> str:
    figures = count(pk)
    if not figures.must_tell:
        return ""
    issue = Issue.objects.get(pk=pk)
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update().get(pk=pk)  # one at a time
        alarms = list(PageLogEntry.objects.filter(page=pk, action=ALARM).order_by("timestamp", "pk"))
        pause = mailing.state == Mailing.State.SENDING and (figures - _at_the_last_pause(alarms)).must_pause
        if alarms and not pause:
            return ""
        said = pause or figures.must_tell
        log(issue, ALARM, data={"reason": said, "paused": bool(pause), "figures": asdict(figures)})
        if pause:
            pause_for_trouble(issue, said)
    if not pause:
        tell(f"The {issue.month.title} e-news: a warning", f"{said}\n\nNothing was stopped.\n")
    return said


def _at_the_last_pause(alarms: Iterable[PageLogEntry]) -> Figures:
    pauses = [one.data["figures"] for one in alarms if one.data["paused"]]
    return Figures(**pauses[-1]) if pauses else Figures()
