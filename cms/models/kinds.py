"""The eight kinds of information, each with what it alone needs."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.search import index

from cms.forms import ANONYMITY_NEEDED, CaseStudyForm
from cms.models.entry import Entry, Kind, local_day, require

FORMATS = [
    ("factsheet", "Factsheet"),
    ("toolkit", "Toolkit"),
    ("e-learning", "E-learning"),
    ("guidelines", "Guidelines"),
    ("handbook", "Handbook"),
    ("leaflet", "Leaflet"),
    ("film", "Film"),
    ("book", "Book"),
]
POLICY_TYPES = [
    ("guideline", "Guideline"),
    ("strategy", "Strategy"),
    ("charter", "Charter"),
    ("statutory-guidance", "Statutory guidance"),
    ("commissioning", "Commissioning intentions"),
]
POLICY_STATES = [("in-force", "In force"), ("consultation", "Out for consultation"), ("draft", "Draft")]
FIRST_YEAR, YEARS_AHEAD = 1970, 10  # when an event can be: from then on, and no further ahead
DELIVERY_FORMS = [("in-person", "In person"), ("online", "Online"), ("blended", "Online and in person")]


class Resource(Entry):
    """Something to use: a factsheet, a toolkit, a book for a child."""

    KIND = Kind.RESOURCE
    format = models.CharField(max_length=12, choices=FORMATS, default="factsheet")

    kind_panels = [FieldPanel("format")]

    def facts(self) -> list[tuple[str, str]]:
        return [("Format", self.get_format_display())]


class Research(Entry):
    """Research, evidence and evaluations."""

    KIND = Kind.RESEARCH
    year = models.PositiveSmallIntegerField("year of publication")
    method = models.CharField(max_length=120, blank=True, help_text="Such as “Interviews with 40 families”.")
    key_finding = models.TextField(max_length=300, blank=True, help_text="One sentence to take away.")

    kind_panels = [
        MultiFieldPanel([FieldPanel("year"), FieldPanel("method"), FieldPanel("key_finding")], heading="The study")
    ]

    def facts(self) -> list[tuple[str, str]]:
        return [("Year", str(self.year)), ("Method", self.method), ("Key finding", self.key_finding)]


class Policy(Entry):
    """Guidelines, strategies, charters, statutory guidance and commissioning intentions."""

    KIND = Kind.POLICY
    policy_type = models.CharField("type", max_length=20, choices=POLICY_TYPES, default="guideline")
    status = models.CharField(max_length=12, choices=POLICY_STATES, default="in-force")

    kind_panels = [FieldRowPanel([FieldPanel("policy_type"), FieldPanel("status")])]

    def facts(self) -> list[tuple[str, str]]:
        return [("Type", self.get_policy_type_display()), ("Status", self.get_status_display())]


class Service(Entry):
    """A local or national support service, with how to reach it."""

    KIND = Kind.SERVICE
    area = models.CharField(
        "area covered", max_length=120, help_text="In words, such as “Newcastle and North Tyneside”."
    )
    who_it_helps = models.CharField(max_length=200, blank=True)
    how_to_refer = models.CharField(max_length=300, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    email = models.EmailField("e-mail", blank=True)
    opening_hours = models.CharField(max_length=120, blank=True)
    cost = models.CharField(max_length=80, blank=True)
    # The id this service has where it was imported from, so that importing again changes it instead of repeating it.
    imported_as = models.CharField(max_length=200, blank=True, db_index=True, editable=False)

    search_fields = [*Entry.search_fields, index.SearchField("area"), index.SearchField("who_it_helps")]
    kind_panels = [
        MultiFieldPanel(
            [FieldPanel("area"), FieldPanel("who_it_helps"), FieldPanel("how_to_refer"), FieldPanel("cost")],
            heading="The service",
        ),
        MultiFieldPanel(
            [FieldPanel("phone"), FieldPanel("email"), FieldPanel("opening_hours")], heading="How to reach it"
        ),
    ]

    def facts(self) -> list[tuple[str, str]]:
        return [
            ("Area", self.area),
            ("Who it helps", self.who_it_helps),
            ("How to refer", self.how_to_refer),
            ("Telephone", self.phone),
            ("E-mail", self.email),
            ("Open", self.opening_hours),
            ("Cost", self.cost),
        ]


class CaseStudy(Entry):
    """A practice example. Members only, and never published before somebody checked that nobody can be recognised."""

    KIND = Kind.CASE_STUDY
    setting = models.CharField(max_length=160, help_text="Where it happened, in words that identify nobody.")
    what_changed = models.TextField(max_length=400, blank=True)
    anonymity_checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The reviewer who made sure that no child, family or worker can be recognised.",
    )
    anonymity_checked_on = models.DateField(null=True, blank=True)

    kind_panels = [
        MultiFieldPanel([FieldPanel("setting"), FieldPanel("what_changed")], heading="The example"),
        MultiFieldPanel(
            [FieldRowPanel([FieldPanel("anonymity_checked_by"), FieldPanel("anonymity_checked_on")])],
            heading="Anonymity check (needed before publishing)",
        ),
    ]

    base_form_class = CaseStudyForm

    @property
    def anonymity_checked(self) -> bool:
        return bool(self.anonymity_checked_by_id and self.anonymity_checked_on)

    def save(self, clean: bool = True, **kwargs: Any) -> None:
        require(not self.live or self.anonymity_checked, "anonymity_checked_by", ANONYMITY_NEEDED)
        super().save(clean=clean, **kwargs)

    def facts(self) -> list[tuple[str, str]]:
        return [("Setting", self.setting), ("What changed", self.what_changed)]


class Training(Entry):
    """Awareness training, e-learning courses, champions schemes."""

    KIND = Kind.TRAINING
    provider = models.CharField(max_length=120)
    delivery = models.CharField("format", max_length=12, choices=DELIVERY_FORMS, default="in-person")
    duration = models.CharField(max_length=80, blank=True)
    cost = models.CharField(max_length=80, blank=True)

    kind_panels = [
        MultiFieldPanel(
            [
                FieldPanel("provider"),
                FieldRowPanel([FieldPanel("delivery"), FieldPanel("duration")]),
                FieldPanel("cost"),
            ],
            heading="The training",
        )
    ]

    def facts(self) -> list[tuple[str, str]]:
        return [
            ("Provider", self.provider),
            ("Format", self.get_delivery_display()),
            ("Duration", self.duration),
            ("Cost", self.cost),
        ]


class Funding(Entry):
    """Money that a service or a project can apply for."""

    KIND = Kind.FUNDING
    funder = models.CharField(max_length=120)
    amount = models.CharField(max_length=120, blank=True)
    who_can_apply = models.CharField(max_length=200, blank=True)
    deadline = models.DateField(null=True, blank=True, help_text="Leave empty if applications are taken all year.")

    kind_panels = [
        MultiFieldPanel(
            [
                FieldPanel("funder"),
                FieldRowPanel([FieldPanel("amount"), FieldPanel("deadline")]),
                FieldPanel("who_can_apply"),
            ],
            heading="The fund",
        )
    ]

    def derive(self) -> None:
        super().derive()
        self.key_date = self.expires_on = self.deadline

    def facts(self) -> list[tuple[str, str]]:
        return [
            ("Funder", self.funder),
            ("Amount", self.amount),
            ("Who can apply", self.who_can_apply),
            ("Apply by", date_format(self.deadline, "l j F Y") if self.deadline else "Any time"),
        ]


class Event(Entry):
    """A conference, a seminar, a family day."""

    KIND = Kind.EVENT
    starts_at = models.DateTimeField("starts")
    ends_at = models.DateTimeField("ends", null=True, blank=True)
    place = models.CharField(max_length=160, help_text="Venue and town, or “Online”.")
    online = models.BooleanField("can be joined online", default=False)
    cost = models.CharField(max_length=80, blank=True)

    kind_panels = [
        MultiFieldPanel(
            [
                FieldRowPanel([FieldPanel("starts_at"), FieldPanel("ends_at")]),
                FieldRowPanel([FieldPanel("place"), FieldPanel("online")]),
                FieldPanel("cost"),
            ],
            heading="When and where",
        )
    ]

    def derive(self) -> None:
        super().derive()
        self.key_date = local_day(self.starts_at)
        self.expires_on = local_day(self.ends_at or self.starts_at)

    def clean(self) -> None:
        super().clean()
        last = timezone.localdate().year + YEARS_AHEAD
        for name in ("starts_at", "ends_at"):
            day = local_day(getattr(self, name))
            known = day is None or FIRST_YEAR <= day.year <= last
            require(known, name, f"Check the year: an event lies between {FIRST_YEAR} and {last}.")
        if self.starts_at and self.ends_at:
            require(self.ends_at >= self.starts_at, "ends_at", "The end lies before the start: correct one of them.")

    def when(self) -> str:
        """Day and time in words, in the site's time zone, such as “Friday 4 December 2026, 10am to 4pm”."""
        start = timezone.localtime(self.starts_at)
        text = date_format(start, "l j F Y, fA").replace("AM", "am").replace("PM", "pm")
        if not self.ends_at:
            return text
        end = timezone.localtime(self.ends_at)
        form = "fA" if end.date() == start.date() else "l j F Y, fA"
        return f"{text} to {date_format(end, form)}".replace("AM", "am").replace("PM", "pm")

    def facts(self) -> list[tuple[str, Any]]:
        place = f"{self.place} (and online)" if self.online and self.place.lower() != "online" else self.place
        return [("When", self.when()), ("Where", place), ("Cost", self.cost)]
