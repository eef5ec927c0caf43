"""What is done once a day: the yearly question, and every rule of retention. Done when Wagtail's log says so.

Celery's beat asks for it every morning; a tick finds out when that was missed. Both may do it at once, since each step
may be run twice.
"""

import logging
import time
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from cms import retention as hub
from membership import retention, yearly
from membership.yearly import Asked
from newsletter import ageing
from newsletter.models import NewsletterSettings

logger = logging.getLogger(__name__)

DONE = "newsletter.daily"
OFTEN = timedelta(hours=20)  # a second start on the same day does nothing
OVERDUE = timedelta(hours=26)  # the morning's start was missed
SECONDS = 60  # of work, of each half; what is left is taken up by the next tick

RULES = (*hub.RULES, *retention.RULES, *ageing.RULES)


@dataclass(frozen=True)
class Daily:
    """What one run did: people asked, and things ended by rule (only those that are not zero)."""

    yearly: Asked = field(default_factory=Asked)
    retention: dict[str, int] = field(default_factory=dict)
    left: bool = False


def is_due(after: timedelta = OVERDUE) -> bool:
    """Whether the last complete run is longer ago than this."""
    return not ModelLogEntry.objects.filter(action=DONE, timestamp__gt=timezone.now() - after).exists()


def run() -> Daily:
    """Do all of it, within two minutes; a run that gets to the end is noted in the log, with counts only."""
    asked = yearly.run(SECONDS)
    counts, left = _retain()
    done = Daily(asked, counts, left or asked.left)
    if not done.left:
        log(NewsletterSettings.load(), DONE, data=asdict(done))
    return done


def _retain() -> tuple[dict[str, int], bool]:
    deadline = time.monotonic() + SECONDS
    counts: dict[str, int] = {}
    for rule in RULES:
        for ended in rule.batches():
            if ended:
                counts[rule.name] = counts.get(rule.name, 0) + ended
                logger.info("retention, %s: %s ended so far", rule.name, counts[rule.name])
            if time.monotonic() > deadline:
                return counts, True
    return counts, False
