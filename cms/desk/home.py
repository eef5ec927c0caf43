"""The directory's panel on the admin's home page: what waits for somebody, each with the way to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from django.forms import Media
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from wagtail.admin.ui.components import Component

from cms.models import CheckedLink, Entry, Message, Submission
from cms.permissions import ANSWER, CARE, MODERATE, may


@dataclass(frozen=True)
class Waiting:
    """One line: a number, what it counts, where that is looked after (if anywhere), and since when the oldest waits."""

    count: int
    label: str  # for one, and for many
    address: str
    oldest: datetime | None = None


def submissions() -> tuple[int, datetime | None]:
    waiting = Submission.objects.filter(state=Submission.State.WAITING)
    found = waiting.aggregate(count=Count("pk"), oldest=Min("confirmed_at"))
    return found["count"], found["oldest"]


def unanswered() -> tuple[int, datetime | None]:
    found = Message.objects.filter(answered_at=None).aggregate(count=Count("pk"), oldest=Min("received_at"))
    return found["count"], found["oldest"]


def due() -> tuple[int, datetime | None]:
    return Entry.objects.live().filter(review_due__lt=timezone.localdate()).count(), None


def broken() -> tuple[int, datetime | None]:
    return CheckedLink.objects.filter(state=CheckedLink.State.BROKEN, ignored=False).count(), None


# What is counted, who may see it, its page on the desk, and its words for one and for any other number.
LINES: list[tuple[Callable[[], tuple[int, datetime | None]], str, str, str, str]] = [
    (submissions, MODERATE, "hub_submissions", "submission waits for an editor", "submissions wait for an editor"),
    (unanswered, ANSWER, "hub_messages", "message is not answered", "messages are not answered"),
    (due, CARE, "hub_care", "entry is due for review", "entries are due for review"),
    (broken, CARE, "hub_links", "link is broken", "links are broken"),
]


class HubPanel(Component):
    """For whoever may look after any of it: each line for those only whom it concerns."""

    name = "hub"
    template_name = "cms/desk/home.html"
    order = 60

    def __init__(self, request: HttpRequest) -> None:
        self.user = request.user

    @cached_property
    def permissions(self) -> set[str]:
        return {one for one in (MODERATE, ANSWER, CARE) if may(self.user, one)}

    @property
    def is_shown(self) -> bool:
        return bool(self.permissions)

    @property
    def media(self) -> Media:
        return Media(css={"all": ["css/hub_desk.css"]})

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {"lines": [self._line(*rest) for rest in LINES if rest[1] in self.permissions]}

    def _line(self, read: Callable[[], Any], permission: str, page: str, one: str, many: str) -> Waiting:
        count, oldest = read()
        return Waiting(count, one if count == 1 else many, _address(page), oldest)


def _address(page: str) -> str:
    try:
        return reverse(page)
    except NoReverseMatch:
        return ""
