"""Every periodic task of the service, in one place.

Beat runs in UTC and only asks "what is due?"; calendar arithmetic in Europe/London happens inside the
task, so the days on which clocks change neither skip nor repeat anything (quality.md 14, ADR 6).
"""

from typing import Any

from celery.schedules import crontab

SCHEDULE: dict[str, dict[str, Any]] = {
    # Recovers lost claims, settles stale sends, hands every unfinished send to the workers, compiles
    # last month's issue once its day has come. Doing nothing costs a handful of indexed queries.
    "tick": {"task": "newsletter.tasks.tick", "schedule": 60.0, "options": {"expires": 55}},
    # Retention (docs/data-retention.md) and the yearly question; the tick does it when this was missed.
    "daily": {
        "task": "newsletter.tasks.do_daily",
        "schedule": crontab(hour=8, minute=10),
        "options": {"expires": 3600},
    },
    # Follows links of drafts that are new, or were followed a week ago. One that failed is asked again half an hour
    # later, before it counts as broken. With nothing due it costs a few queries.
    "links": {"task": "newsletter.tasks.check_links", "schedule": 600.0, "options": {"expires": 590}},
    # The same for the directory, a slice of it at a time and halfway between, so that both seldom ask for one link.
    "directory_links": {
        "task": "cms.tasks.check_links",
        "schedule": crontab(minute="5-59/10"),
        "options": {"expires": 590},
    },
    # Publishes and takes down pages on the day an editor chose, and sends what the mail provider did not take.
    "keep_up": {"task": "cms.tasks.keep_up", "schedule": 300.0, "options": {"expires": 290}},
    # Asks contacts whether their entries are still right. It finds whoever is due in the database: a missed day is made
    # up on the next, and whatever one run has no time for is left for the run an hour later.
    "assurance": {
        "task": "cms.tasks.ask_contacts",
        "schedule": crontab(hour="9-11", minute=40),
        "options": {"expires": 3000},
    },
    # Fetches what came back by mail (ADR 24); without BOUNCE_MAILBOX it does nothing. What is missed waits there.
    "bounces": {"task": "newsletter.tasks.read_bounces", "schedule": 300.0, "options": {"expires": 290}},
    # SPF, DKIM and DMARC of the sender's domain, for the pre-flight.
    "sender": {
        "task": "newsletter.tasks.look_up_sender",
        "schedule": crontab(hour="*/6", minute=25),
        "options": {"expires": 3600},
    },
}
