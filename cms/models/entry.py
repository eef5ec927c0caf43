"""`Entry`: what all eight kinds of information share. One concrete base makes every list a single query."""

from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.forms import CheckboxSelectMultiple
from django.utils import timezone
from modelcluster.fields import ParentalManyToManyField
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, Panel
from wagtail.fields import RichTextField
from wagtail.models import Page
from wagtail.search import index

from cms.entry_notes import EntryNotes
from cms.querysets import EntryManager

REVIEW_AFTER = timedelta(days=183)  # every six months, as the regional guide recommends


class Kind(models.TextChoices):
    """The eight kinds, in the order in which lists and the e-news show them."""

    RESOURCE = "resource", "Resource"
    RESEARCH = "research", "Research"
    POLICY = "policy", "Policy"
    SERVICE = "service", "Support service"
    CASE_STUDY = "case-study", "Case study"
    TRAINING = "training", "Training"
    FUNDING = "funding", "Funding"
    EVENT = "event", "Event"


READERS = [
    ("professionals", "Professionals"),
    ("with-children", "Professionals to use with children"),
    ("children", "Children"),
    ("parents", "Parents and offenders"),
    ("families", "Families"),
]
EVIDENCE = [
    ("none", "Not assessed"),
    ("practice", "Practice experience"),
    ("evaluated", "Evaluated"),
    ("peer-reviewed", "Peer-reviewed research"),
]


def default_review_due() -> date:
    return timezone.localdate() + REVIEW_AFTER


class Entry(Page):
    """One page of the directory, of one of the eight kinds. Never created itself: each kind is a subclass."""

    KIND: ClassVar[Kind | None] = None

    # Set from the subclass and from what it holds (`derive`), so that lists need not join eight tables.
    kind = models.CharField(max_length=12, choices=Kind.choices, editable=False, db_index=True)
    key_date = models.DateField(null=True, blank=True, editable=False)  # an event's day, a deadline
    expires_on = models.DateField(null=True, blank=True, editable=False)  # the last day it is of use

    summary = models.TextField(max_length=300, help_text="One or two sentences: what does a reader get from this?")
    body = RichTextField(blank=True, features=["h3", "bold", "italic", "ol", "ul", "link", "document-link"])
    sectors = ParentalManyToManyField(
        "cms.Sector", blank=True, related_name="entries", help_text="Leave empty if it is for everyone."
    )
    regions = ParentalManyToManyField(
        "cms.Region", blank=True, related_name="entries", help_text="Leave empty if it is national."
    )
    topics = ParentalManyToManyField("cms.Topic", blank=True, related_name="entries")
    age_groups = ParentalManyToManyField(
        "cms.AgeGroup", blank=True, related_name="entries", help_text="Leave empty for all ages."
    )
    reader = models.CharField(
        "intended reader", max_length=16, choices=READERS, default="professionals", help_text="Who reads or uses it?"
    )
    publisher = models.CharField(max_length=120, blank=True, help_text="The organisation that offers or publishes it.")
    link = models.URLField(blank=True, help_text="Where to find it on the web.")
    document = models.ForeignKey(
        "wagtaildocs.Document", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    evidence = models.CharField("evidence grade", max_length=16, choices=EVIDENCE, default="none")
    review_due = models.DateField(
        default=default_review_due,
        help_text="When this must be checked again. After that day it is not put into the e-news.",
    )
    contact_email = models.EmailField(
        "who confirms it",
        blank=True,
        help_text="Asked by e-mail whether this is still right; never shown. Best an organisation's address.",
    )
    assured_on = models.DateField("last checked", null=True, blank=True, help_text="When somebody last confirmed it.")
    significant_update_on = models.DateField(
        "announce an update",
        null=True,
        blank=True,
        help_text="Fill in the day of an update worth telling members about: it is announced in the next e-news.",
    )

    objects = EntryManager()

    parent_page_types = ["cms.DirectoryPage"]
    subpage_types: list[str] = []
    is_creatable = False

    search_fields = [
        *Page.search_fields,
        index.SearchField("summary"),
        index.SearchField("body"),
        index.SearchField("publisher"),
        index.FilterField("kind"),
    ]

    intro_panels: ClassVar[list[Panel]] = [FieldPanel("summary")]
    kind_panels: ClassVar[list[Panel]] = []
    shared_panels: ClassVar[list[Panel]] = [
        MultiFieldPanel(
            [
                FieldPanel("sectors", widget=CheckboxSelectMultiple),
                FieldPanel("regions", widget=CheckboxSelectMultiple),
                FieldPanel("topics", widget=CheckboxSelectMultiple),
                FieldPanel("age_groups", widget=CheckboxSelectMultiple),
                FieldPanel("reader"),
            ],
            heading="Who it is for",
        ),
        MultiFieldPanel(
            [FieldPanel("publisher"), FieldPanel("link"), FieldPanel("document"), FieldPanel("evidence")],
            heading="Source",
        ),
    ]
    care_panels: ClassVar[list[Panel]] = [
        MultiFieldPanel(
            [
                FieldRowPanel([FieldPanel("assured_on"), FieldPanel("review_due")]),
                FieldPanel("contact_email"),
                FieldPanel("significant_update_on"),
            ],
            heading="Keeping it right",
        )
    ]

    class Meta:
        indexes = [
            models.Index(fields=["kind", "key_date"], name="entry_kind_key_date"),
            models.Index(fields=["review_due"], name="entry_review_due"),
        ]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give each kind its editing panels: what it says, what is special, who for, and its care."""
        super().__init_subclass__(**kwargs)
        cls.content_panels = [
            *Page.content_panels,
            *cls.intro_panels,
            *cls.kind_panels,
            FieldPanel("body"),
            *cls.shared_panels,
            *cls.care_panels,
            EntryNotes(heading="How it was carried and read", icon="view"),
        ]

    @property
    def announced_on(self) -> date | None:
        """The day this entry was last announced: its first publication or its last significant update."""
        if self.significant_update_on:
            return self.significant_update_on
        return timezone.localdate(self.first_published_at) if self.first_published_at else None

    def derive(self) -> None:
        """Fill the shared columns that follow from a kind's own fields. Subclasses with dates extend it."""
        if self.KIND:
            self.kind = self.KIND

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        self.derive()
        super().full_clean(*args, **kwargs)

    def save(self, clean: bool = True, **kwargs: Any) -> None:
        self.derive()
        super().save(clean=clean, **kwargs)

    def is_stale(self, today: date | None = None) -> bool:
        return self.review_due < (today or timezone.localdate())

    def facts(self) -> list[tuple[str, str]]:
        """Label and value of what is special to the kind, in reading order; empty values are left out."""
        return []

    def get_template(self, request: Any, *args: Any, **kwargs: Any) -> str:
        """All kinds share one template (Wagtail would look for one per class)."""
        return "cms/entry.html"


def local_day(moment: datetime | None) -> date | None:
    return timezone.localdate(moment) if moment else None


def require(condition: bool, field: str, sentence: str) -> None:
    """Raise a ValidationError on `field` unless `condition` holds."""
    if not condition:
        raise ValidationError({field: sentence})
