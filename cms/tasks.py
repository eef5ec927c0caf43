"""Celery tasks of the hub. Each calls one plain function, runs under five minutes, and may be run twice."""

import logging

from celery import shared_task

from cms import link_rounds, links, scheduled, telling
from cms.assuring import ask_contacts as ask
from cms.models import CheckedLink

logger = logging.getLogger(__name__)


@shared_task
def ask_contacts() -> None:
    """Ask the contacts of entries that are due whether these are still right."""
    if asked := ask():
        logger.info("contacts were asked about %s entries", asked)


@shared_task
def check_links() -> None:
    """Follow a slice of the directory's links, and forget those that nothing leads to any more."""
    checked, forgotten = link_rounds.check_slice(), link_rounds.forget_unused()
    if checked or forgotten:
        logger.info("%s links of the directory checked, %s forgotten", checked, forgotten)


@shared_task
def check_link(link_id: int) -> None:
    """Follow one link now, because an editor asked for it."""
    links.check(CheckedLink.objects.filter(pk=link_id).values_list("url", flat=True))


@shared_task
def keep_up() -> None:
    """Publish and take down what an editor scheduled, and tell whom no mail could reach when they were answered."""
    done, told = scheduled.run_due(), telling.tell_waiting()
    if done.published or done.expired or told:
        logger.info("%s pages published, %s taken down, %s people told", done.published, done.expired, told)
