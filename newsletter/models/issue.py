"""`Issue`: one month's e-news, a Wagtail page with ordered items. Drafts, approval and audit log are Wagtail's."""

from typing import Any, ClassVar, Protocol

from django.db import models
from django.forms import CheckboxSelectMultiple
from django.http import Http404, HttpRequest, HttpResponse
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from modelcluster.models import ClusterableModel
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, PageChooserPanel
from wagtail.fields import RichTextField
from wagtail.models import Orderable, Page, PageManager
from wagtail.query import PageQuerySet

from cms.models import Entry, HomePage, Kind
from newsletter.models.mailing import Mailing
from newsletter.periods import Period, validate_period

INTRODUCTION_FEATURES = ["h3", "bold", "italic", "ol", "ul", "link"]


class ENewsPage(Page):
    """`/e-news/`: the archive of everything that was sent."""

    introduction = RichTextField(blank=True, features=["bold", "link"])

    content_panels = [*Page.content_panels, FieldPanel("introduction")]
    max_count = 1
    parent_page_types = [HomePage]
    subpage_types = ["newsletter.Issue"]
    template = "newsletter/archive.html"

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(request, *args, **kwargs)
        context["issues"] = Issue.objects.sent().order_by("-period")
        return context


class IssueQuerySet(PageQuerySet):
    def sent(self) -> "IssueQuerySet":
        """Issues whose sending has come to its end: what the public archive shows. One that was opened again, because
        a late retry or a decision needs sending, stays."""
        return self.filter(mailing__finished_at__isnull=False).exclude(mailing__state=Mailing.State.CANCELLED)


class Presenter(Protocol):
    """How an issue is shown. Rendering lies above the models, so the app hands it in when it is ready."""

    modes: list[tuple[str, str]]

    def web_version(self, request: HttpRequest, issue: "Issue") -> HttpResponse: ...

    def preview(self, request: HttpRequest, issue: "Issue", mode: str) -> HttpResponse: ...


class Issue(Page):
    """Publishing it through the workflow is its approval; sending is recorded in its `Mailing`."""

    period = models.CharField(max_length=7, unique=True, validators=[validate_period], help_text="Such as 2026-10.")
    subject = models.CharField(max_length=120)
    preheader = models.CharField(max_length=140, blank=True, help_text="The line that inboxes show after the subject.")
    introduction = RichTextField(blank=True, features=INTRODUCTION_FEATURES)

    content_panels = [
        *Page.content_panels,
        FieldPanel("period", read_only=True),
        MultiFieldPanel(
            [FieldPanel("subject"), FieldPanel("preheader"), FieldPanel("introduction")], heading="Opening"
        ),
        InlinePanel("items", heading="Items", label="Item"),
    ]
    parent_page_types = ["newsletter.ENewsPage"]
    subpage_types: list[str] = []
    presenter: ClassVar[Presenter]

    objects = PageManager.from_queryset(IssueQuerySet)()

    @property
    def month(self) -> Period:
        return Period.parse(self.period)

    @property
    def is_approved(self) -> bool:
        return bool(self.live)

    def get_mailing(self) -> Mailing | None:
        return Mailing.objects.filter(issue_id=self.pk).first()

    @property
    def standing(self) -> str:
        """Where the issue stands, in words."""
        mailing = getattr(self, "mailing", None)
        if mailing:
            return str(mailing.get_state_display())
        return "Approved" if self.is_approved else "Draft"

    @property
    def preview_modes(self) -> list[tuple[str, str]]:
        return self.presenter.modes

    def serve(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the web version, once it has been sent."""
        mailing = self.get_mailing()
        if not mailing or not mailing.is_out:
            raise Http404
        return self.presenter.web_version(request, self)

    def serve_preview(self, request: HttpRequest, mode_name: str) -> HttpResponse:
        return self.presenter.preview(request, self, mode_name)

    def __str__(self) -> str:
        return self.period


class Item(Orderable, ClusterableModel):
    """One entry in an issue, with whatever the editor changed about it."""

    issue = ParentalKey(Issue, on_delete=models.CASCADE, related_name="items")
    page = models.ForeignKey(
        Entry, null=True, on_delete=models.SET_NULL, related_name="carried_in", verbose_name="entry"
    )
    # The day the entry was announced (`Entry.announced_on`): an updated entry may be carried once more.
    announcement = models.DateField(editable=False)
    section = models.CharField(max_length=12, choices=Kind.choices)
    headline = models.CharField(max_length=120, blank=True, help_text="Instead of the entry’s title.")
    summary = models.TextField(max_length=300, blank=True, help_text="Instead of the entry’s summary.")
    sectors = ParentalManyToManyField("cms.Sector", blank=True, help_text="Instead of the entry’s sectors.")
    pinned = models.BooleanField(default=False, help_text="Shown first to everyone it is for, and never cut.")
    left_out = models.BooleanField("leave out", default=False, help_text="Carried by no edition, this month or later.")

    panels = [
        PageChooserPanel("page"),
        FieldRowPanel([FieldPanel("section"), FieldPanel("pinned"), FieldPanel("left_out")]),
        FieldPanel("headline"),
        FieldPanel("summary"),
        FieldPanel("sectors", widget=CheckboxSelectMultiple),
    ]

    class Meta(Orderable.Meta):
        constraints = [
            models.UniqueConstraint(fields=["page", "announcement"], name="item_one_per_page_across_issues"),
        ]

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        """An item added by hand announces what its entry last announced."""
        if self.page and not self.announcement:
            self.announcement = self.page.announced_on or self.issue.month.first_day
        super().full_clean(*args, **kwargs)

    def __str__(self) -> str:
        return self.headline or (self.page.title if self.page else f"Item {self.pk}")
