"""What is due: asked every minute, answered from the calendar in Europe/London and from the database."""

import logging
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Ticked:
    """What one tick did."""

    resumed: int  # subscriptions whose pause was over
    compiled: str
    started: list[str]  # issues whose time to be sent had come
    recovered: Recovered
    judged: int  # opens and clicks of which it was said whether a person made them
    summed_up: list[str]  # issues whose figures were mailed


def run_due() -> Ticked:
    """End the pauses that are over, compile last month's issue once its day has come and tell the editors, start the
    issues whose time has come, recover what was lost, judge opens and clicks, and mail the figures of what was sent
    three days ago. Missed days are made up for.
    """
    tell_disarmed()
    return Ticked(
        resumed=end_pauses(timezone.localdate()),
        compiled=_compile_if_due(),
        started=start_due(),
        recovered=recover(),
        judged=judge_due(),
        summed_up=sum_up_due(),
    )


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
