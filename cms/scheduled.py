"""Publishing what an editor scheduled, and taking down what has expired, page by page.

Wagtail has a command for both, which ends at the first page that refuses. Only pages of the directory and its site are
looked at: an issue of the e-news is published by its own workflow and by nothing else.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from wagtail.models import Page, Revision

APP = "cms"
PER_RUN = 500  # pages of either kind
SECONDS = 120.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """How many pages one run published and took down, and how many refused."""

    published: int
    expired: int
    refused: int


def run_due(*, at_most: int = PER_RUN, seconds: float = SECONDS) -> Done:
    """Publish and take down what is due. A page that refuses is logged by its id, and tried again in the next run.

    May be run at any time, by several processes at once: each page is locked, and looked at again, before it changes.
    Publishing comes first, so that a new version replaces the one that expires at the same moment.
    """
    until = time.monotonic() + seconds
    now = timezone.now()
    due = Revision.objects.page_revisions().filter(content_type__app_label=APP, approved_go_live_at__lt=now)
    versions = due.order_by("approved_go_live_at", "pk").values_list("object_id", "pk")[:at_most]
    published, stuck = _each(list(versions), _publish, until)
    over = Page.objects.filter(content_type__app_label=APP, live=True, expire_at__lt=now)
    pages = over.order_by("expire_at", "pk").values_list("pk", "pk")[:at_most]
    expired, stuck_too = _each(list(pages), _take_down, until)
    return Done(published, expired, stuck + stuck_too)


def _each(due: Iterable[tuple[Any, int]], act: Callable[[int], bool], until: float) -> tuple[int, int]:
    """Do this to each, given as its page and what to act on, in a transaction of its own; return how many were done
    and how many refused."""
    done = refused = 0
    for page, pk in due:
        if time.monotonic() > until:
            break
        try:
            with transaction.atomic():
                done += act(pk)
        except Exception as error:  # whatever stands against one page must not keep the others back
            refused += 1
            logger.error("page %s could not be changed as scheduled: %s", page, _why(error))
    return done, refused


def _publish(pk: int) -> bool:
    """Publish one version, unless its schedule has been taken back or somebody else was faster."""
    page = Revision.objects.filter(pk=pk).values_list("object_id", flat=True).first()
    Page.objects.select_for_update(of=("self",)).filter(pk=page or 0).first()
    due = Revision.objects.filter(pk=pk, approved_go_live_at__lt=timezone.now()).first()
    if due:
        due.publish(log_action="wagtail.publish.scheduled")
    return bool(due)


def _take_down(pk: int) -> bool:
    """Take one page down, as the page of its kind, so that the search hears of it."""
    over = Page.objects.filter(pk=pk, live=True, expire_at__lt=timezone.now())
    page = over.select_for_update(of=("self",)).first()
    if page:
        page.specific.unpublish(set_expired=True, log_action="wagtail.unpublish.scheduled")
    return bool(page)


def _why(error: Exception) -> str:
    """Names of fields, or the kind of error: never the words of a page."""
    if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
        return ", ".join(sorted(error.error_dict))
    return type(error).__name__
