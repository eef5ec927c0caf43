"""An entry at a glance: the same seven questions for each of the eight kinds, in the same order."""

from dataclasses import dataclass, field
from functools import singledispatch

from django.utils.formats import date_format

from cms import models
from cms.models import AgeGroup, Region, Sector, Topic
from cms.models.entry import Entry, Kind

Lines = list[tuple[str, str]]  # a line's own label, where it needs one, and what it says
Rows = list[tuple[str, str, Lines]]  # the name (of its sign), question and answers of each row
REACHED = {"Telephone", "E-mail"}  # by these; whoever gives neither is reached by their website


@dataclass(frozen=True)
class Terms:
    """What an entry is tagged with. No sector means everyone, no region national, no age group all ages."""

    sectors: list[Sector]
    regions: list[Region]
    topics: list[Topic]
    age_groups: list[AgeGroup]


def read_terms(entry: Entry) -> Terms:
    """The terms of one entry, a draft's too: four queries."""
    return Terms(
        list(entry.sectors.all()), list(entry.regions.all()), list(entry.topics.all()), list(entry.age_groups.all())
    )


@dataclass
class Glance:
    """The answers of one entry. Each is a list of lines; a question without an answer is left out of the page."""

    what: Lines = field(default_factory=list)
    who: Lines = field(default_factory=list)
    where: Lines = field(default_factory=list)
    when: Lines = field(default_factory=list)
    cost: Lines = field(default_factory=list)
    contact: Lines = field(default_factory=list)

    def rows(self) -> Rows:
        """The questions that have an answer, in reading order."""
        asked = [
            ("what", "What it is", self.what),
            ("who", "Who it is for", self.who),
            ("where", "Where", self.where),
            ("when", "When", self.when),
            ("cost", "Cost", self.cost),
            ("contact", "Contact", self.contact),
        ]
        answered = ((name, question, [line for line in lines if line[1]]) for name, question, lines in asked)
        return [(name, question, lines) for name, question, lines in answered if lines]


@singledispatch
def of_kind(entry: Entry) -> Glance:
    """What only the entry's own kind knows."""
    return Glance(what=[("", entry.get_kind_display())])


@of_kind.register
def _(entry: models.Resource) -> Glance:
    return Glance(what=[("", entry.get_format_display())])


@of_kind.register
def _(entry: models.Research) -> Glance:
    what = [("", f"Research, {entry.year}"), ("Method", entry.method), ("Key finding", entry.key_finding)]
    return Glance(what=what)


@of_kind.register
def _(entry: models.Policy) -> Glance:
    return Glance(what=[("", entry.get_policy_type_display()), ("Status", entry.get_status_display())])


@of_kind.register
def _(entry: models.Service) -> Glance:
    return Glance(
        what=[("", "Support service")],
        who=[("", entry.who_it_helps)],
        where=[("", entry.area)],
        when=[("", entry.opening_hours)],
        cost=[("", entry.cost)],
        contact=[("How to refer", entry.how_to_refer), ("Telephone", entry.phone), ("E-mail", entry.email)],
    )


@of_kind.register
def _(entry: models.CaseStudy) -> Glance:
    return Glance(what=[("", "Case study"), ("What changed", entry.what_changed)], where=[("", entry.setting)])


@of_kind.register
def _(entry: models.Training) -> Glance:
    return Glance(
        what=[("", "Training"), ("Provider", entry.provider)],
        where=[("", entry.get_delivery_display())],
        when=[("", entry.duration)],
        cost=[("", entry.cost)],
    )


@of_kind.register
def _(entry: models.Funding) -> Glance:
    deadline = f"Apply by {date_format(entry.deadline, 'l j F Y')}" if entry.deadline else "Apply at any time"
    return Glance(
        what=[("", "Funding"), ("Amount", entry.amount), ("Funder", entry.funder)],
        who=[("Who can apply", entry.who_can_apply)],
        when=[("", deadline)],
    )


@of_kind.register
def _(entry: models.Event) -> Glance:
    also = "and online" if entry.online and entry.place.lower() != "online" else ""
    return Glance(
        what=[("", "Event")], where=[("", entry.place), ("", also)], when=[("", entry.when())], cost=[("", entry.cost)]
    )


def of_terms(entry: Entry, terms: Terms) -> Glance:
    """What follows from the terms alone, which lists show to everybody."""
    return Glance(
        who=[
            ("Sectors", "; ".join(sector.name for sector in terms.sectors) or "Everyone"),
            ("Ages of the children", ", ".join(group.name for group in terms.age_groups) or "All ages"),
            ("Who reads or uses it", entry.get_reader_display()),
        ],
        where=[
            (
                "Region" if len(terms.regions) < 2 else "Regions",
                ", ".join(region.name for region in terms.regions) or "National",
            )
        ],
    )


def at_a_glance(entry: Entry, terms: Terms) -> Rows:
    """The rows of an entry's panel of facts."""
    glance, shared = of_kind(entry), of_terms(entry, terms)
    said = {answer for _, answer in glance.what}
    glance.what += [
        ("From", "" if entry.publisher in said else entry.publisher),
        ("Evidence", "" if entry.evidence == "none" else entry.get_evidence_display()),
    ]
    glance.who += shared.who
    glance.where += shared.where
    if not any(label in REACHED for label, answer in glance.contact if answer) and entry.kind != Kind.CASE_STUDY:
        glance.contact.append(("Website", entry.link))
    return glance.rows()
