"""A realistic edition as plain data: all eight kinds, three highlights, one member's slots in place."""

from dataclasses import replace
from datetime import date
from typing import Any

from newsletter.content import (
    AnnouncementContent,
    DateContent,
    EditionContent,
    FigureContent,
    ItemContent,
    SectionContent,
)
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT

SITE = "https://www.i-hop.example.org"
EVERYONE = "For: everyone · national"
# kind: (label, plural heading), in the order of cms.models.Kind
KINDS = {
    "resource": ("Resource", "Resources"),
    "research": ("Research", "Research"),
    "policy": ("Policy", "Policy"),
    "service": ("Support service", "Support services"),
    "case-study": ("Case study", "Case studies"),
    "training": ("Training", "Training"),
    "funding": ("Funding", "Funding"),
    "event": ("Event", "Events"),
}


def item(number: int, kind: str, headline: str, summary: str, audience: str = EVERYONE, **more: Any) -> ItemContent:
    """One item whose address is made from its number."""
    return ItemContent(
        number=number,
        kind=kind,
        kind_label=KINDS[kind][0],
        headline=headline,
        summary=summary,
        url=f"{SITE}/directory/item-{number}/?from=e-news&issue=2026-10",
        audience_label=audience,
        **more,
    )


HIGHLIGHTS = (
    item(
        1,
        "resource",
        "When a parent goes to prison: a short guide for midwives and health visitors",
        "What to ask at booking, how to record it kindly, and where to refer. Two pages, written with three maternity "
        "teams and checked by mothers who have been through it.",
        "For: Health, Early years · national",
        pinned=True,
    ),
    item(
        2,
        "event",
        "Every child, every visit: North East conference",
        "A day on visits as a child sees them, with workshops on play areas, schools and first visits. Free.",
        "For: Prisons, Schools, Health · North East",
        date_line="Friday 4 December 2026, 10am, Newcastle",
        leaf=date(2026, 12, 4),
    ),
    item(
        3,
        "funding",
        "Small grants for family days in prison visits halls",
        "Up to £3,000 for a first family day, including travel for children who live far away.",
        "For: Prisons, Voluntary sector · national",
        date_line="Apply by 3 December 2026",
    ),
)

LISTED = (
    item(
        4,
        "resource",
        "Telling the children: a factsheet for parents and carers",
        "Honest words for different ages, and what children most often ask. To print or to read together.",
    ),
    item(
        5,
        "resource",
        "A handbook for schools with a pupil whose parent is in prison",
        "From the first conversation to the named member of staff: one page for each stage of a sentence.",
        "For: Schools · national",
    ),
    item(
        6,
        "research",
        "What 200,000 children a year tell us about early help",
        "An evaluation of three test sites: local identification, training of front-line staff, and work with leaders. "
        "Support began 11 weeks sooner.",
    ),
    item(
        7,
        "policy",
        "A city’s charter for children with a parent in prison",
        "Ten commitments adopted by a council, with the action plan and the wording to reuse.",
        "For: Children’s social care · North East",
    ),
    item(
        8,
        "service",
        "Home-based support for families before, during and after a sentence",
        "Staff and volunteers visit weekly, from early help to crisis. Referrals from any professional, "
        "answered within two working days.",
        "For: Health, Early years · North East",
    ),
    item(
        9,
        "service",
        "Peer support and activity weekends for children and carers",
        "A therapeutic team brings families together every month, and twice a year by the sea.",
        "For: everyone · North East",
    ),
    item(
        10,
        "case-study",
        "Fathers and children learn together on Saturday mornings",
        "How one prison’s family-learning programme grew from four families to sixty, and what came next.",
        "For: Prisons, Schools · national",
        members_only=True,
    ),
    item(
        11,
        "training",
        "Hidden sentence: one day for practitioners",
        "What imprisonment means for the people outside. Multi-agency, in person, with a follow-up call after a month.",
        "For: everyone · North East",
    ),
    item(
        12,
        "training",
        "Free e-learning: working with families of offenders",
        "Ninety minutes in short parts, with a certificate. Made for busy people.",
    ),
    item(
        13,
        "funding",
        "Holiday scheme for families with a close relative in prison",
        "Caravan weeks in the school holidays. Professionals apply for the family.",
        "For: Children’s social care · North East",
        date_line="Apply by 15 January 2027",
    ),
    item(
        14,
        "event",
        "Lunchtime call: recording a parent’s imprisonment on referral",
        "Midwives from one town show the form they use and answer questions. Online, forty minutes.",
        "For: Health · national",
        date_line="Tuesday 10 November 2026, 12.30pm, online",
        leaf=date(2026, 11, 10),
    ),
)


ANNOUNCEMENTS = (
    AnnouncementContent(
        heading="The helpline is closed on 25 and 26 December",
        text_html='<p>Messages left then are answered on the 27th. In an emergency, <a href="https://example.org/help/">'
        "these services</a> are open <b>day and night</b>.</p>",
        button_url="https://example.org/helpline/?from=e-news&issue=2026-10",
        button_label="Helpline hours",
    ),
    DateContent(
        day=date(2026, 12, 1),
        what="Consultation on visits by video closes",
        what_url="https://example.org/consultation/",
    ),
    FigureContent(
        number="39 %",
        text="Prisoners who are visited by their family are so much less likely to reoffend.",
        source="Ministry of Justice, 2008",
    ),
)


def pictured(one: ItemContent, **changes: Any) -> ItemContent:
    """The item with a picture, as wide as a mail's text."""
    picture = {
        "image_url": f"{SITE}/media/images/picture-{one.number}.jpg",
        "image_alt": "Two children draw at a table in a visits hall",
        "image_width": 536,
        "image_height": 302,
    }
    return replace(one, **{**picture, **changes})


def sections(items: tuple[ItemContent, ...] = LISTED) -> tuple[SectionContent, ...]:
    """The items by kind, in the order of the kinds."""
    return tuple(
        SectionContent(kind, heading, tuple(each for each in items if each.kind == kind))
        for kind, (_, heading) in KINDS.items()
        if any(each.kind == kind for each in items)
    )


def edition(**changes: Any) -> EditionContent:
    """The October 2026 edition for health professionals in the North East, as it is mailed."""
    october = EditionContent(
        subject="October: a guide for midwives, and a conference in Newcastle",
        preheader="Fourteen things for health professionals in the North East, and 6 more on the website.",
        month="October 2026",
        introduction_html=(
            "<p>More than 11,000 children under three have a parent go to prison each year, and most are first "
            'noticed by a midwife, a health visitor or a nursery. This month is for you: <a href="https://www.i-hop.'
            'example.org/directory/?topic=babies&amp;reader=professionals">all we hold on babies</a> '
            "is now in one place.</p>"
        ),
        highlights=HIGHLIGHTS,
        sections=sections(),
        more_count=6,
        more_url=f"{SITE}/directory/?sector=health&region=north-east",
        site_url=f"{SITE}/",
        archive_url=f"{SITE}/e-news/2026-10/",
        unsubscribe_url=f"{SITE}/e-news/u/{TOKEN_SLOT}/",
        preferences_url=f"{SITE}/e-news/p/{TOKEN_SLOT}/",
        helpline_number="0808 802 2013",
        helpline_hours="Monday to Friday, 9am to 5pm",
        postal_address="i-HOP, 1 Example Street, London N1 1AA",
        greeting=GREETING_SLOT,
        audience="Health · North East",
    )
    return replace(october, **changes)


def rich_edition(**changes: Any) -> EditionContent:
    """The October edition with everything that an edition can hold: announcements and pictures too."""
    listed = tuple(pictured(one) if one.number in {8, 14} else one for one in LISTED)
    return edition(
        **{
            "highlights": (pictured(HIGHLIGHTS[0]), *HIGHLIGHTS[1:]),
            "sections": sections(listed),
            "announcements": ANNOUNCEMENTS,
            **changes,
        }
    )


def long_edition(count: int, **changes: Any) -> EditionContent:
    """An edition of `count` items, three of them highlighted, each as long as a summary may be (300 characters)."""
    listed = [
        replace(LISTED[i % len(LISTED)], number=i + 4, url=f"{SITE}/directory/item-{i + 4}/") for i in range(count - 3)
    ]
    listed = [replace(each, summary=(each.summary + " " + each.summary * 3)[:300]) for each in listed]
    return edition(sections=sections(tuple(listed)), **changes)
