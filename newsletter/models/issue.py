"""`Issue`: one month's e-news, a Wagtail page with ordered items. Drafts, approval and audit log are Wagtail's."""

from typing import Any, ClassVar, Protocol

from django.core.exceptions import ValidationError
from django.db import models
from django.forms import CheckboxSelectMultiple
from django.http import Http404, HttpRequest, HttpResponse
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from modelcluster.models import ClusterableModel
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, PageChooserPanel, Panel
from wagtail.fields import RichTextField, StreamField
from wagtail.models import Orderable, Page, PageManager
from wagtail.query import PageQuerySet

from cms.models import Entry, HomePage, Kind
from newsletter.models.announcements import AnnouncementsBlock
from newsletter.models.mailing import Mailing
from newsletter.models.permissions import IssuePermissions
from newsletter.periods import Period, validate_name

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
        InlinePanel("items", heading="Items", label="Item"),
    ]
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
    image = models.ForeignKey(
        "wagtailimages.Image",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Shown above the headline. Most mailboxes hide images at first: it must not be needed.",
    )
    image_alt = models.CharField(
        "what the image shows",
        max_length=160,
        blank=True,
        help_text="Read out to those who cannot see it. Every image needs it.",
    )
    pinned = models.BooleanField(default=False, help_text="Shown first to everyone it is for, and never cut.")
    left_out = models.BooleanField("leave out", default=False, help_text="Carried by no edition, this month or later.")

    panels = [
        PageChooserPanel("page"),
        FieldRowPanel([FieldPanel("section"), FieldPanel("pinned"), FieldPanel("left_out")]),
        FieldPanel("headline"),
        FieldPanel("summary"),
        FieldRowPanel([FieldPanel("image"), FieldPanel("image_alt")]),
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

    def clean(self) -> None:
        super().clean()
        if self.image_id and not self.image_alt.strip():
            raise ValidationError({"image_alt": "Say in a few words what the image shows, or take it out."})

    def __str__(self) -> str:
        return self.headline or (self.page.title if self.page else f"Item {self.pk}")
