"""What is due: asked every minute, answered from the calendar in Europe/London and from the database."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.utils import timezone

from membership.pausing import end_pauses
from newsletter.compiling import IssueError, compile_issue
from newsletter.judging import judge_due
from newsletter.milestones import tell_compiled, tell_empty
from newsletter.models import Issue, NewsletterSettings
from newsletter.periods import Period
from newsletter.rearming import tell_disarmed
from newsletter.recovery import Recovered, recover
from newsletter.scheduling import start_due
from newsletter.summing_up import sum_up_due

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Parts:
    """Does the parts of a tick one after the other. What goes wrong in one is logged and stops no other; `failed` names
    those, and whoever ticks says so at the end (`check`)."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def do(self, name: str, part: Callable[[], Result], otherwise: Result) -> Result:
        """What the part returns, or `otherwise` where it fails."""
        try:
            return part()
        except Exception:
            logger.exception("a part of the tick failed: %s", name)
            self.failed.append(name)
            return otherwise

    def check(self) -> None:
        """Raises TickError where a part failed."""
        if self.failed:
            raise TickError(f"Parts of the tick failed: {', '.join(self.failed)}. The log says why.")


class TickError(RuntimeError):
    """Not all that is due was done."""


@dataclass(frozen=True)
class Ticked:
    """What one tick did."""

    resumed: int  # subscriptions whose pause was over
    compiled: str
    started: list[str]  # issues whose time to be sent had come
    recovered: Recovered
    judged: int  # opens and clicks of which it was said whether a person made them
    summed_up: list[str]  # issues whose figures were mailed


def run_due(parts: Parts | None = None) -> Ticked:
    """End the pauses that are over, compile last month's issue once its day has come and tell the editors, start the
    issues whose time has come, recover what was lost, judge opens and clicks, and mail the figures of what was sent
    three days ago. Missed days are made up for.

    Each is one of `parts`, where these are given. Else raises TickError at the end, where one failed.
    """
    each = parts or Parts()
    each.do("telling of a disarmed copy", tell_disarmed, None)
    ticked = Ticked(
        resumed=each.do("ending pauses", lambda: end_pauses(timezone.localdate()), 0),
        compiled=each.do("compiling", _compile_if_due, ""),
        started=each.do("starting", start_due, []),
        recovered=each.do("recovering", recover, Recovered()),
        judged=each.do("judging", judge_due, 0),
        summed_up=each.do("summing up", sum_up_due, []),
    )
    if parts is None:
        each.check()
    return ticked


def _compile_if_due() -> str:
    """Compile last month's issue when its day has come and there is none; return its period, or nothing."""
    today = timezone.localdate()
    period = Period.containing(today).previous
    if today.day < NewsletterSettings.load().compile_day or Issue.objects.filter(period=str(period)).exists():
        return ""
    try:
        compiled = compile_issue(period)
    except IssueError as error:
        logger.warning("issue %s was not compiled: %s", period, error)
        return ""
    if not compiled.issue:
        tell_empty(compiled)
        return ""
    if compiled.made:  # else another process was faster
        tell_compiled(compiled)
    return str(period)
