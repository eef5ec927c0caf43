"""Alarming: too many complaints or bounces of an issue are told to the staff, and pause what is still being sent.

Mail providers alert at 0.1 % complaints and block at 0.3 % (quality.md 5). Once somebody has let a paused issue go
on, only what has come since then counts: the same figures do not pause it again.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from time import monotonic

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import PageLogEntry

from newsletter.models import Delivery, Issue, Mailing, ProviderEvent
from newsletter.steering import pause_for_trouble
from newsletter.telling import tell

ALARM = "newsletter.alarm"  # the entry of an issue's log that says what was told, with the figures
LEAST_SENT = 200  # before that, shares of it say nothing
LEAST_COMPLAINTS = 2  # for a pause: one is a person, not a rate
COMPLAINTS_ALERT, COMPLAINTS_PAUSE, BOUNCES_PAUSE = 0.001, 0.003, 0.05
WARNING, COMPLAINTS, BOUNCES = "warning", "complaints", "bounces"  # the levels; each is told once
LATELY = timedelta(days=30)  # after sending began, an issue is still looked at
COUNTED = timedelta(minutes=10)  # since its totals were: they may have been counted between report and look
REST = 20  # times as long as a count took, until the next: a large issue's takes long
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
    def troubles(self) -> dict[str, str]:
        """What is above a limit, with the figures in words: by level, of complaints the highest only."""
        if self.sent < LEAST_SENT:
            return {}
        found = {}
        complaints = (
            f"{self.complained:,} of {self.sent:,} people reported it as spam ({self.complained / self.sent:.2%})."
        )
        if self.complained >= LEAST_COMPLAINTS and self.complained > COMPLAINTS_PAUSE * self.sent:
            found[COMPLAINTS] = f"{complaints} At most {COMPLAINTS_PAUSE:.1%} may: look at who was mailed, and why."
        elif self.complained > COMPLAINTS_ALERT * self.sent:
            found[WARNING] = f"{complaints} Above {COMPLAINTS_ALERT:.1%} is a warning."
        if self.bounced > BOUNCES_PAUSE * self.sent:
            found[BOUNCES] = (
                f"{self.bounced:,} of {self.sent:,} messages bounced ({self.bounced / self.sent:.1%}). At most "
                f"{BOUNCES_PAUSE:.0%} may: look at where the addresses came from."
            )
        return found

    @property
    def must_pause(self) -> dict[str, str]:
        """Why sending must not go on; nothing when it may."""
        return {level: words for level, words in self.troubles.items() if level != WARNING}


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
        key = f"newsletter.alarming:{pk}"
        if every and not cache.add(key, True, every):
            continue
        began = monotonic()
        if said := _judge(pk):
            told.append(said)
        if every and (pause := REST * (monotonic() - began)) > every:
            cache.set(key, True, pause)
    return told


def judge_recent() -> list[str]:
    """Look at everything that is being sent, and at what was sent lately and of which something has come in: whatever
    was left out while reports came in fast, or because a worker was killed."""
    now = timezone.now()
    moved = Q(issue__rollup__stale_since__isnull=False) | Q(issue__rollup__counted_at__gt=now - COUNTED)
    lately = moved & Q(started_at__gt=now - LATELY)
    found = Mailing.objects.filter(lately | Q(state=Mailing.State.SENDING))
    return judge(found.values_list("pk", flat=True), every=0)


def _judge(pk: int) -> str:
    figures = count(pk)
    if not figures.troubles:
        return ""
    issue = Issue.objects.get(pk=pk)
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update().get(pk=pk)  # one at a time
        alarms = list(PageLogEntry.objects.filter(page=pk, action=ALARM).order_by("timestamp", "pk"))
        sending = mailing.state == Mailing.State.SENDING
        pause = (figures - _at_the_last_pause(alarms)).must_pause if sending else {}
        found = pause or _new(figures.troubles, alarms)
        if not found:
            return ""
        said = " ".join(found.values())
        data = {"reason": said, "paused": bool(pause), "levels": list(found), "figures": asdict(figures)}
        log(issue, ALARM, data=data)
        if pause:
            pause_for_trouble(issue, said)
    if not pause:
        tell(f"The {issue.month.title} e-news: a warning", f"{said}\n\nNothing was stopped.\n")
    return said


def _new(troubles: dict[str, str], alarms: Iterable[PageLogEntry]) -> dict[str, str]:
    """What was not told before, nor something worse of the same kind."""
    told = {level for one in alarms for level in one.data.get("levels", [])}
    told |= {WARNING} if COMPLAINTS in told else set()
    return {level: words for level, words in troubles.items() if level not in told}


def _at_the_last_pause(alarms: Iterable[PageLogEntry]) -> Figures:
    pauses = [one.data["figures"] for one in alarms if one.data["paused"]]
    return Figures(**pauses[-1]) if pauses else Figures()
