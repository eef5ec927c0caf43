"""The pages around the directory: home, the directory's own page, and pages of plain text."""

from typing import Any

from django.db.models import Count
from django.utils import timezone
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page

from cms.directory import search_directory
from cms.models.entry import Entry, Kind

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
        counts = dict(Entry.objects.live().values_list("kind").annotate(Count("pk")).order_by())
        context["kinds"] = [(kind, counts.get(kind.value, 0)) for kind in Kind]
        context["newest"] = Entry.objects.live().with_terms().order_by("-first_published_at")[:6]
        context["events"] = Entry.objects.upcoming(timezone.localdate()).with_terms()[:3]
        return context


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


class StandardPage(Page):
    """A page of text, such as the privacy notice."""

    body = RichTextField(features=TEXT_FEATURES)

    content_panels = [*Page.content_panels, FieldPanel("body")]
    parent_page_types = ["cms.HomePage"]
    subpage_types: list[str] = []
    template = "cms/standard.html"
