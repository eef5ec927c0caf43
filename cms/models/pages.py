"""The pages around the directory: home, the directory's own page, and pages of plain text."""

from datetime import date
from typing import Any

from django.db.models import Count
from django.utils import timezone
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page

from cms.directory import search_directory
from cms.directory_answers import note_and_address, wants_part
from cms.models.entry import Entry, Kind
from cms.open_data import open_entries

# Words to try, shown below the search box; each finds something in a young directory too.
TRIES = ["visits", "babies", "court", "school", "housing"]
TEXT_FEATURES = ["h2", "h3", "bold", "italic", "ol", "ul", "link", "document-link"]


class HomePage(Page):
    """The front door."""

    introduction = RichTextField(blank=True, features=["bold", "link"])

    content_panels = [*Page.content_panels, FieldPanel("introduction")]
    max_count = 1
    parent_page_types = ["wagtailcore.Page"]
    template = "cms/home.html"

    def get_context(self, request: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(request, *args, **kwargs)
        opened = open_entries()
        counts = dict(opened.values_list("kind").annotate(Count("pk")).order_by())
        context["kinds"] = [(kind, counts.get(kind.value, 0)) for kind in Kind]
        today = timezone.localdate()
        newest = list(opened.with_terms().order_by("-first_published_at", "-pk")[:5])
        context["newest"] = newest
        context["newest_title"] = "New this month" if _all_of_this_month(newest, today) else "New in the directory"
        context["events"] = opened.upcoming(today).with_terms()[:4]
        context["tries"] = TRIES
        return context


def _all_of_this_month(entries: list[Entry], today: date) -> bool:
    days = [timezone.localdate(entry.first_published_at) for entry in entries if entry.first_published_at]
    return bool(days) and all((day.year, day.month) == (today.year, today.month) for day in days)


class DirectoryPage(Page):
    """`/directory/`: every entry, filtered and searched by the words in the address."""

    introduction = RichTextField(blank=True, features=["bold", "link"])

    content_panels = [*Page.content_panels, FieldPanel("introduction")]
    max_count = 1
    parent_page_types = ["cms.HomePage"]
    template = "cms/directory.html"

    def get_context(self, request: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(request, *args, **kwargs)
        context["results"] = search_directory(request.GET)
        return context

    def get_template(self, request: Any, *args: Any, **kwargs: Any) -> str:
        return "cms/directory_part.html" if wants_part(request) else self.template

    def serve(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return note_and_address(request, super().serve(request, *args, **kwargs))


class StandardPage(Page):
    """A page of text, such as the privacy notice."""

    body = RichTextField(features=TEXT_FEATURES)

    content_panels = [*Page.content_panels, FieldPanel("body")]
    parent_page_types = ["cms.HomePage"]
    subpage_types: list[str] = []
    template = "cms/standard.html"
