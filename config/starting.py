"""A production start that would fail or leak later is refused, by the site, the workers and the scheduler alike.

`manage.py` runs all system checks by itself, gunicorn and Celery do not. These are the ones of our own, of the settings
alone: nothing is connected, the database is not asked.
"""

import logging
import sys

from django.conf import settings
from django.core.checks import CheckMessage

logger = logging.getLogger(__name__)
REFUSED = 3  # gunicorn takes this for a worker that cannot start, and ends instead of starting the next one


def wrong() -> list[CheckMessage]:
    """What is wrong with the settings of a production start; nothing where no production is (`CHECKED_AT_START`)."""
    if not settings.CHECKED_AT_START:
        return []
    from config.checks import check_production  # Django must be set up
    from newsletter.checks import check_mail_settings

    found = [*check_mail_settings(), *check_production()]
    return [one for one in found if one.is_serious() and not one.is_silenced()]


def refuse_what_is_wrong() -> None:
    """End this process, with one line in the log for everything that is wrong."""
    found = wrong()
    for one in found:
        logger.critical("will not start: %s %s (%s)", one.msg, one.hint or "", one.id)
    if found:
        sys.exit(REFUSED)
