"""`Issue`: one month's e-news, a Wagtail page with ordered items. Drafts, approval and audit log are Wagtail's."""

from typing import Any, ClassVar, Protocol

from django.conf import settings
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from wagtail.admin.panels import FieldPanel, InlinePanel, MultiFieldPanel, Panel
from wagtail.fields import RichTextField, StreamField
from wagtail.models import Page, PageManager
from wagtail.query import PageQuerySet

from cms.models import HomePage
from newsletter.models.announcements import AnnouncementsBlock
from newsletter.models.forms import IssueForm
from newsletter.models.item import load_items
from newsletter.models.mailing import Mailing
from newsletter.models.permissions import IssuePermissions
from newsletter.periods import Period, validate_name

ISSUES_IN_SITEMAP = 1000  # eighty years of months
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

    def get_sitemap_urls(self, request: HttpRequest | None = None) -> list[dict[str, Any]]:
        """The archive and the issues in it that everybody may open, the newest first."""
        address = f"{settings.SITE_URL}/e-news/"
        issues = Issue.objects.sent().live().public().order_by("-period")[:ISSUES_IN_SITEMAP]
        sent = issues.values_list("period", "mailing__finished_at")
        return [
            {"location": address, "lastmod": self.last_published_at},
            *({"location": f"{address}{period}/", "lastmod": moment} for period, moment in sent),
        ]


class IssueQuerySet(PageQuerySet):
    def monthly(self) -> "IssueQuerySet":
        """The monthly e-news, without corrections of it."""
        return self.filter(corrects__isnull=True)

    def sent(self) -> "IssueQuerySet":
        """Monthly issues whose sending has come to its end: what the public archive shows. One that was opened again,
        because a late retry or a decision needs sending, stays."""
        out = self.monthly().filter(mailing__finished_at__isnull=False)
        return out.exclude(mailing__state=Mailing.State.CANCELLED)


class Presenter(Protocol):
    """How an issue is shown. Rendering lies above the models, so the app hands it in when it is ready."""

    modes: list[tuple[str, str]]

    def web_version(self, request: HttpRequest, issue: "Issue") -> HttpResponse: ...

    def preview(self, request: HttpRequest, issue: "Issue", mode: str) -> HttpResponse: ...


class ItemsPanel(InlinePanel):
    """The items of an issue; a correction has none of its own."""

    class BoundPanel(InlinePanel.BoundPanel):
        def is_shown(self) -> bool:
            return bool(super().is_shown() and not self.instance.is_correction)


class Issue(Page):
    """Publishing it through the workflow is its approval; sending is recorded in its `Mailing`."""

    # `2026-10`; a correction of something in it is `2026-10-c1`.
    period = models.CharField(max_length=12, unique=True, validators=[validate_name], help_text="Such as 2026-10.")
    # A correction goes to exactly those who received this item, and carries nothing else (`correcting.py`).
    corrects = models.ForeignKey(
        "newsletter.Item", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="corrections"
    )
    subject = models.CharField(max_length=120)
    preheader = models.CharField(max_length=140, blank=True, help_text="The line that inboxes show after the subject.")
    introduction = RichTextField(blank=True, features=INTRODUCTION_FEATURES)
    announcements = StreamField(AnnouncementsBlock(), blank=True, help_text="Shown to everybody, before the items.")

    content_panels = [
        *Page.content_panels,
        FieldPanel("period", read_only=True),
        MultiFieldPanel(
            [FieldPanel("subject"), FieldPanel("preheader"), FieldPanel("introduction")], heading="Opening"
        ),
        FieldPanel("announcements"),
        ItemsPanel("items", heading="Items", label="Item"),
    ]
    base_form_class = IssueForm
    promote_panels: ClassVar[list[Panel]] = []
    settings_panels: ClassVar[list[Panel]] = []  # when it is published is decided by approving it
    parent_page_types = ["newsletter.ENewsPage"]
    subpage_types: list[str] = []
    is_creatable = False  # issues are compiled, corrections are asked for at the item they correct
    presenter: ClassVar[Presenter]

    objects = PageManager.from_queryset(IssueQuerySet)()

    @property
    def month(self) -> Period:
        return Period.parse(self.period[:7])

    @property
    def is_correction(self) -> bool:
        return self.corrects_id is not None

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

    def permissions_for_user(self, user: Any) -> IssuePermissions:
        return IssuePermissions(user, self)

    @classmethod
    def from_serializable_data(cls, data: dict[str, Any], check_fks: bool = True, strict_fks: bool = False) -> Any:
        """As Wagtail's, by which drafts are read; but what items refer to is looked up for all of them at once: three
        queries, not two for each item."""
        issue = super().from_serializable_data({**data, "items": []}, check_fks, strict_fks)
        if issue is not None:
            issue.items = load_items(data.get("items") or [])
        return issue

    def serve(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the web version, once it has been sent to anybody: their mail leads here, even if the rest was
        cancelled. The archive lists it only when its sending has come to its end (`IssueQuerySet.sent`)."""
        mailing = self.get_mailing()
        if not mailing or not (mailing.is_out or self.deliveries.filter(state="sent").exists()):
            raise Http404
        return self.presenter.web_version(request, self)

    def serve_preview(self, request: HttpRequest, mode_name: str) -> HttpResponse:
        return self.presenter.preview(request, self, mode_name)

    def __str__(self) -> str:
        return self.period
