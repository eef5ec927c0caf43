"""The forms at `/submit/`: one for each kind that anybody may offer. Their fields are those of the entry it becomes.

`cleaned_data` is plain text, terms of the taxonomies, dates and times; `words()` is the same as JSON can hold it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.core import signing
from django.utils import timezone

from cms.models import READERS, AgeGroup, Kind, Region, Sector, Topic
from cms.models.kinds import FORMATS
from cms.submission_fields import Address, Choice, Day, Line, Link, Terms, Text, Time

SALT = "cms.submit"
SAID_TO_BE_OPTIONAL = {"area", "email", "url", "date", "time"}  # of a plain one-line field includes/field.html says it
FOREMOST = "Whom it is for in the first place."
QUICKEST = timedelta(seconds=3)  # no person fills in a form in less
FURTHEST = timedelta(days=3 * 366)  # events beyond that are slips of the pen


class SubmissionForm(forms.Form):
    """What all kinds ask: the words of the entry, whom it is for, and who offers it."""

    KIND: ClassVar[Kind]
    # Heading, a line on it, and the fields below it, in the order of the page.
    GROUPS: ClassVar[Sequence[tuple[str, str, Sequence[str]]]]
    WHO_FOR = (
        "Who it is for",
        "Tick what fits. Leave a list alone if it is for everybody.",
        ("sectors", "regions", "topics", "age_groups"),
    )
    YOU: ClassVar[tuple[str, str, Sequence[str]]] = (
        "About you",
        "We write to you about this only. None of it is published.",
        ("name", "email", "organisation"),
    )

    title = Line(max_length=120, label="Title", help_text="What people will look for: at most 120 characters.")
    summary = Line(
        max_length=300,
        label="In one or two sentences",
        help_text="What does a reader get from this? At most 300 characters.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    body = Text(
        max_length=5000,
        required=False,
        label="In more detail",
        help_text="Plain text; an empty line begins a new paragraph. At most 5,000 characters.",
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    sectors = Terms(Sector, label="Fields of work it is meant for")
    regions = Terms(Region, label="Regions it covers")
    topics = Terms(Topic, label="Topics")
    age_groups = Terms(AgeGroup, label="Ages of the children")
    name = Line(
        max_length=120,
        label="Your name",
        help_text="So that an editor knows whom to ask.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = Address(label="Your e-mail address", help_text="We send one message there, with a link to confirm.")
    organisation = Line(
        max_length=120,
        required=False,
        label="Your organisation",
        help_text="Where you work, if that helps us to place it.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    # Programs fill in every field they find, and at once. People neither see it nor reach it with the keyboard.
    website = forms.CharField(
        required=False,
        label="Leave this field empty",
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    NOT_WORDS = frozenset({"name", "email", "organisation", "website", "opened"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What is wrong is told in the order of the page.
        self.order_fields([name for _, _, names in self.GROUPS for name in names])
        for field in self.fields.values():
            if not field.required and getattr(field.widget, "input_type", "area") in SAID_TO_BE_OPTIONAL:
                field.label = f"{field.label} (optional)"
        self.initial["opened"] = signing.dumps(timezone.now().timestamp(), salt=SALT)

    def by_a_program(self) -> bool:
        """Whether what was sent gives itself away: a field filled in that nobody sees, or too fast a hand."""
        if self.data.get("website"):
            return True
        try:
            opened: float = signing.loads(self.data.get("opened", ""), salt=SALT)
        except signing.BadSignature:
            return True
        return timezone.now().timestamp() - opened < QUICKEST.total_seconds()

    def groups(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        return [(heading, line, [self[name] for name in names]) for heading, line, names in self.GROUPS]

    def words(self) -> dict[str, Any]:
        """What becomes the entry, as JSON can hold it: text, slugs of terms, ISO dates and times, booleans."""
        return {
            name: _plain(value)
            for name, value in self.cleaned_data.items()
            if name not in self.NOT_WORDS and name not in {"title", "nobody_known", "families_agreed"}
        }


class AskedAgain(SubmissionForm):
    """For whatever has a contact that can be asked again."""

    ask_again = forms.BooleanField(
        required=False,
        label="Ask this address twice a year whether it is still right",
        help_text="One message with a button; your address is never shown. You can stop it at any time.",
    )
    YOU: ClassVar[tuple[str, str, Sequence[str]]] = (
        *SubmissionForm.YOU[:2],
        ("name", "email", "organisation", "ask_again"),
    )


class ServiceForm(AskedAgain):
    KIND = Kind.SERVICE
    area = Line(max_length=120, label="Area covered", help_text="In words, such as “Newcastle and North Tyneside”.")
    publisher = Line(max_length=120, label="Organisation that offers it", help_text="Its name, as it is known.")
    who_it_helps = Line(
        max_length=200, required=False, label="Who it helps", help_text="Such as “Mothers in prison and their babies”."
    )
    how_to_refer = Line(
        max_length=300, required=False, label="How to refer", help_text="Such as “Ring us; families may ring as well”."
    )
    cost = Line(max_length=80, required=False, label="Cost", help_text="Such as “Free”.")
    phone = Line(
        max_length=40,
        required=False,
        label="Telephone",
        help_text="The service’s own number: it is published.",
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )
    contact = Address(
        required=False,
        label="E-mail address of the service",
        help_text="It is published, so best not one person’s own.",
        autocomplete="off",
    )
    opening_hours = Line(
        max_length=120, required=False, label="When it is open", help_text="Such as “Monday to Friday, 9am to 5pm”."
    )
    link = Link(required=False, label="Website", help_text="The page about this service.")
    reader = Choice(choices=READERS, label="Who uses it?", help_text=FOREMOST, initial="families")

    GROUPS = [
        ("The service", "", ("title", "summary", "publisher", "area", "who_it_helps", "how_to_refer", "cost", "body")),
        ("How to reach it", "All of this is published.", ("phone", "contact", "link", "opening_hours")),
        (*SubmissionForm.WHO_FOR[:2], ("reader", *SubmissionForm.WHO_FOR[2])),
        AskedAgain.YOU,
    ]


class ResourceForm(AskedAgain):
    KIND = Kind.RESOURCE
    format = Choice(choices=FORMATS, label="Format", help_text="What comes nearest.")
    publisher = Line(max_length=120, label="Who publishes it", help_text="An organisation or a publisher.")
    link = Link(label="Where to find it on the web", help_text="The page where people read, order or download it.")
    reader = Choice(choices=READERS, label="Who reads or uses it?", help_text=FOREMOST, initial="professionals")

    GROUPS = [
        ("The resource", "", ("title", "summary", "format", "publisher", "link", "body")),
        (*SubmissionForm.WHO_FOR[:2], ("reader", *SubmissionForm.WHO_FOR[2])),
        AskedAgain.YOU,
    ]


class EventForm(AskedAgain):
    KIND = Kind.EVENT
    day = Day(label="Day", help_text="The day on which it begins.")
    begins = Time(label="Begins at", help_text="Such as 09:30.")
    last_day = Day(required=False, label="Last day", help_text="If it takes more than one day.")
    ends = Time(required=False, label="Ends at", help_text="If you know it.")
    place = Line(max_length=160, label="Place", help_text="Venue and town, or “Online”.")
    online = forms.BooleanField(required=False, label="It can be joined online")
    cost = Line(max_length=80, required=False, label="Cost", help_text="Such as “Free for members of staff”.")
    publisher = Line(max_length=120, label="Who organises it", help_text="The organisation, as it is known.")
    link = Link(required=False, label="Website", help_text="Where people read more or book.")

    GROUPS = [
        ("The event", "", ("title", "summary", "publisher", "cost", "link", "body")),
        ("When and where", "", ("day", "begins", "last_day", "ends", "place", "online")),
        SubmissionForm.WHO_FOR,
        AskedAgain.YOU,
    ]

    def clean(self) -> dict[str, Any]:
        """Put day and hour together as `starts_at` and `ends_at`, both aware; an event lies ahead of us."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        day, begins, last, ends = (data.pop(name, None) for name in ("day", "begins", "last_day", "ends"))
        if not day or not begins:
            return data
        start = timezone.make_aware(datetime.combine(day, begins))
        end = timezone.make_aware(datetime.combine(last or day, ends or begins)) if last or ends else None
        if start < timezone.now():
            self.add_error("day", "This day has passed: offer an event that is still to come.")
        elif max(start, end or start) > timezone.now() + FURTHEST:
            self.add_error("day", "This is more than three years ahead: check the year.")
        if end and end < start:
            self.add_error("last_day" if last else "ends", "The end lies before the start: correct one of them.")
        return data | {"starts_at": start, "ends_at": end}


class CaseStudyForm(SubmissionForm):
    KIND = Kind.CASE_STUDY
    setting = Line(
        max_length=160,
        label="Where it happened",
        help_text="In words that identify nobody, such as “A nursery in a market town”.",
    )
    body = Text(
        max_length=5000,
        label="What you did",
        help_text="Plain text; an empty line begins a new paragraph. At most 5,000 characters.",
        widget=forms.Textarea(attrs={"rows": 10}),
    )
    what_changed = Line(
        max_length=400,
        required=False,
        label="What changed",
        help_text="For children, families or your team. At most 400 characters.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    nobody_known = forms.BooleanField(
        label="Nobody can be recognised: no child, no family and no worker",
        help_text="No names, no rare details. An editor checks it again before anything is published.",
        error_messages={"required": "Take out what could identify somebody, then tick this box."},
    )
    families_agreed = forms.BooleanField(
        label="The families it is about have agreed that it may be shared",
        help_text="If it is about your way of working only, and no family, tick it as well.",
        error_messages={"required": "Ask the families first. When they have agreed, tick this box."},
    )

    GROUPS = [
        ("The example", "Only members read case studies.", ("title", "summary", "setting", "body", "what_changed")),
        ("Protecting the families", "", ("nobody_known", "families_agreed")),
        SubmissionForm.WHO_FOR,
        SubmissionForm.YOU,
    ]


CHOICES = {"reader": dict(READERS), "format": dict(FORMATS)}
FORMS: dict[str, type[SubmissionForm]] = {
    form.KIND.value: form for form in (ServiceForm, ResourceForm, EventForm, CaseStudyForm)
}


def described(kind: str, words: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and text of what somebody offered, in the order of the form; what was left empty is left out."""
    fields = FORMS[kind].base_fields
    found = [(name, str(fields[name].label)) for _, _, names in FORMS[kind].GROUPS for name in names]
    found += [("starts_at", "Begins"), ("ends_at", "Ends")]
    return [(label, _in_words(fields.get(name), name, words[name])) for name, label in found if words.get(name)]


def _in_words(field: forms.Field | None, name: str, value: Any) -> str:
    if isinstance(field, Terms):
        return ", ".join(str(term) for term in field.model._default_manager.filter(slug__in=value))
    if name in CHOICES:
        return str(CHOICES[name].get(value, value))
    if value is True:
        return "yes"
    if name in {"starts_at", "ends_at"}:
        return f"{timezone.localtime(datetime.fromisoformat(value)):%d %B %Y, %H:%M}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "values_list"):
        return list(value.values_list("slug", flat=True))
    return value
