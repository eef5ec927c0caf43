"""Celery tasks. Each takes ids only, calls one plain function, runs under five minutes, and may be run twice."""

import logging

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.core.cache import cache

from cms import links
from newsletter import adding_up, alarming, collecting, daily, heartbeats, intake, sender_domain, stopping
from newsletter.models import Issue
from newsletter.preflight import links_of_drafts, links_to_check
from newsletter.recovery import unfinished_issues
from newsletter.sending import drain
from newsletter.ticking import Parts, run_due

logger = logging.getLogger(__name__)

SLICE = 120  # seconds one task sends before it hands on, far below the broker's visibility timeout
READING = 60  # seconds one task reads reports of the provider before it hands on
COLLECTING = 60  # seconds one task fetches bounce messages; what is left waits in the mailbox
ASKED = "newsletter.reading_asked"  # set while a task that will read them waits in the broker
HANDS = 2  # send tasks per issue and tick: as many workers as a small machine has cores


@worker_shutting_down.connect
def stop_in_good_order(**kwargs: object) -> None:
    """A deployment ends this worker: what is begun is handed over and recorded, the rest goes back at once."""
    stopping.ask()


@shared_task
def tick() -> None:
    """Do what is due, then hand every unfinished send to the workers. A part that fails stops no other, but then the
    tick leaves no sign of life: whoever watches sees that not all of this was done."""
    parts = Parts()
    run_due(parts)
    parts.do("handing on sends", _hand_on_sends, None)
    parts.do("handing on reports", _hand_on_reports, None)
    parts.do("alarms", lambda: len(alarming.judge_recent()), 0)
    parts.do("totals", _hand_on_totals, None)
    parts.do("the day's work", _hand_on_daily, None)
    parts.check()
    heartbeats.beat(heartbeats.TICK, heartbeats.TICK)


def _hand_on_sends() -> None:
    for issue in unfinished_issues():
        for _ in range(HANDS):
            send_issue.delay(issue)


def _hand_on_reports() -> None:
    if intake.waiting().exists():  # what the webhooks asked for was lost, or could not be read the first time
        read_reports.delay()


def _hand_on_totals() -> None:
    if adding_up.due().exists():
        add_up_totals.apply_async(expires=55)


def _hand_on_daily() -> None:
    if daily.is_due():  # the morning's start was missed, or had to stop half-way
        do_daily.apply_async(expires=55)


@shared_task
def do_daily() -> None:
    """The yearly question and retention, once a day; a second call on the same day does nothing."""
    if daily.is_due(daily.OFTEN):
        daily.run()


@shared_task
def add_up_totals() -> None:
    """Count the issues of which something has come in, a few at a time. What is left is found by the next tick."""
    if counted := adding_up.add_up_stale():
        logger.info("totals of %s counted", counted)


@shared_task
def send_issue(issue_id: int) -> None:
    """Send a slice of an issue. What is left is found by the next tick, or by the task it leaves behind."""
    issue = Issue.objects.get(pk=issue_id)
    sent = drain(issue, seconds=SLICE, patient=True)
    logger.info("issue %s: %s deliveries ended, left: %s %s", issue.period, sent.finished, sent.left, sent.trouble)


@shared_task
def read_reports() -> None:
    """Read what mail providers have reported. What is left is read by the task it leaves behind, or after a tick."""
    cache.delete(ASKED)  # first: what is stored from now on asks again
    read = intake.read_all(READING)
    if read.last:
        logger.info("%s provider reports read, %s events, %s failed", read.reports, read.events, read.failed)
    if intake.waiting().exists():
        read_soon()


def read_soon() -> None:
    """Have the reports that were stored read by a worker. Asked a thousand times in a second, it leaves one task.

    Never fails: when the broker or the cache is out of reach, the next tick finds what waits.
    """
    try:
        if not cache.add(ASKED, True, 60):
            return
        try:
            read_reports.apply_async(retry=False)
        except Exception:
            cache.delete(ASKED)
            raise
    except Exception as error:
        logger.warning("reports wait for the next tick: %s", type(error).__name__)


@shared_task
def read_bounces() -> None:
    """Fetch what has come into the bounce mailbox; it is read like any other report. Without a mailbox, nothing."""
    if not settings.BOUNCE_MAILBOX:
        return
    try:
        collected = collecting.collect(seconds=COLLECTING)
    except collecting.MailboxUnavailable as error:
        logger.warning("%s", error)  # and again in five minutes: what is in the mailbox stays there
        return
    if collected.stored:
        logger.info("%s bounce messages fetched, more wait: %s", collected.stored, collected.left)
        read_soon()


@shared_task
def check_links() -> None:
    """Follow the links of drafts that wait for it, or were followed long ago; what there is no time for waits."""
    wanted = links_of_drafts()
    links.remember(wanted)
    if due := links.due(wanted):
        logger.info("%s of %s links checked", links.check(due), len(due))


@shared_task
def check_links_of(issue_id: int) -> None:
    """Follow every link of one draft now, because an editor asked for it."""
    links.check(links_to_check(Issue.objects.get(pk=issue_id)))


@shared_task
def look_up_sender(by_hand: bool = False) -> None:
    """Ask what the sender's domain says about who may send for it; a second call within hours does nothing."""
    sender_domain.refresh(by_hand=by_hand)
