"""`Draft`: everything the inspections look at, loaded once in a fixed number of queries."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.text import Truncator
from wagtail.images import get_image_model
from wagtail.rich_text import RichText

from cms.models import Entry
from newsletter.editions import IssueEditions
from newsletter.inspections.findings import Finding, Level
from newsletter.models import Issue, Item, NewsletterSettings

NAME_LENGTH = 60  # characters of a headline that a sentence repeats


@dataclass(frozen=True)
class Carried:
    """One item of the draft, with the entry it leads to; None when that has been deleted."""

    item: Item
    place: int  # in the editor, from 0
    entry: Entry | None

    @property
    def headline(self) -> str:
        return self.item.headline.strip() or (self.entry.title.strip() if self.entry else "")

    @property
    def summary(self) -> str:
        return self.item.summary.strip() or (self.entry.summary.strip() if self.entry else "")

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        return f"“{Truncator(self.headline).chars(NAME_LENGTH)}”" if self.headline else "An item without headline"

    def finding(self, code: str, level: Level, sentence: str, *, entry: bool = False) -> Finding:
        """A finding about this item; `entry`: it is put right in the entry, not in the issue."""
        page = self.entry.pk if entry and self.entry else None
        return Finding(code, level, sentence, f"item:{self.item.pk}", self.item.pk, self.place, page)


class Draft:
    """A draft of an issue. `day` is the day on which it is likely to be read."""

    def __init__(self, issue: Issue, day: date | None = None) -> None:
        self.issue = issue
        self.day = day or usual_day(issue)
        self.editions = IssueEditions(issue)
        placed = [(place, item) for place, item in enumerate(issue.items.all()) if not item.left_out]
        ids = [item.page_id for _, item in placed if item.page_id]
        self.entries: dict[int, Entry] = {page.pk: page for page in Entry.objects.filter(pk__in=ids)}
        self.carried = [Carried(item, place, self.entries.get(item.page_id or 0)) for place, item in placed]

    @property
    def shown(self) -> list[Carried]:
        """What editions can carry: the rest falls out."""
        return [one for one in self.carried if one.entry and one.entry.pk in self.editions.pages]

    @cached_property
    def images(self) -> dict[int, Any]:
        ids = [one.item.image_id for one in self.carried if one.item.image_id]
        found: dict[int, Any] = get_image_model()._default_manager.in_bulk(ids)
        return found

    @cached_property
    def rich_texts(self) -> list[str]:
        """The rich text that everybody gets, as it is stored: the introduction, and that of announcements."""
        values = [value for block in self.issue.announcements for value in block.value.values()]
        return [self.issue.introduction, *(value.source for value in values if isinstance(value, RichText))]

    @cached_property
    def buttons(self) -> list[str]:
        """The addresses of announcements' own links."""
        return [url for block in self.issue.announcements if (url := block.value.get("link"))]

    @cached_property
    def opening_text(self) -> str:
        """The words that everybody gets, without their formatting."""
        plain = [strip_tags(text.replace("<", " <")) for text in self.rich_texts]
        for block in self.issue.announcements:
            plain += [value for value in block.value.values() if isinstance(value, str)]
        return " ".join(" ".join(plain).split())


def usual_day(issue: Issue) -> date:
    """The day on which an issue is sent unless somebody says otherwise; never one that has passed."""
    planned = issue.month.next.first_day.replace(day=NewsletterSettings.load().send_day)
    return max(planned, timezone.localdate())
