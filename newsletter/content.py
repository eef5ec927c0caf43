"""What an edition says, as plain data: the one thing that rendering, preview and archive share.

Building it reads the database (`editions.py`); rendering it is pure (`rendering.py`).
"""

from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar


@dataclass(frozen=True)
class ItemContent:
    """One item as it is shown: `number` is its place in the issue's list of links, from 1."""

    number: int
    kind: str  # a value of cms.models.Kind
    kind_label: str  # "Support service"
    headline: str  # plain text
    summary: str  # plain text, at most 300 characters
    url: str  # absolute
    audience_label: str  # "For: Health · North East" or "For: everyone · national"
    date_line: str = ""  # "Friday 4 December 2026, 10am, Newcastle" or "Apply by 3 December 2026"
    leaf: date | None = None  # an event's day, shown as a calendar leaf made of text
    members_only: bool = False
    pinned: bool = False
    reason_line: str = ""  # "From your saved search: visits, London"; empty for what the reader's choices bring
    image_url: str = ""  # absolute, the same for everybody; empty for most items
    image_alt: str = ""  # plain text
    image_width: int = 0  # in pixels of the page, half of those in the file
    image_height: int = 0


@dataclass(frozen=True)
class SectionContent:
    """The items of one kind, under its plural heading ("Support services")."""

    key: str
    heading: str
    items: tuple[ItemContent, ...]


@dataclass(frozen=True)
class AnnouncementContent:
    """A heading, a few sentences, and a button where both its address and its words are given."""

    form: ClassVar[str] = "announcement"
    heading: str  # plain text
    text_html: str  # an editor's rich text, not yet sanitised
    button_url: str = ""
    button_label: str = ""


@dataclass(frozen=True)
class DateContent:
    """A day to note, shown as a calendar leaf made of text."""

    form: ClassVar[str] = "date"
    day: date
    what: str  # plain text, at most 160 characters
    what_url: str = ""  # where it leads, if anywhere


@dataclass(frozen=True)
class FigureContent:
    """A number that matters, what it says, and where it is from."""

    form: ClassVar[str] = "figure"
    number: str  # "39 %"
    text: str  # plain text, at most 200 characters
    source: str = ""


Announcement = AnnouncementContent | DateContent | FigureContent


@dataclass(frozen=True)
class EditionContent:
    """A whole edition. Addresses that differ per recipient hold a slot (`rendering.TOKEN_SLOT`)."""

    subject: str
    preheader: str
    month: str  # "October 2026"
    introduction_html: str  # an editor's rich text, not yet sanitised
    highlights: tuple[ItemContent, ...]  # at most three, never repeated in the sections
    sections: tuple[SectionContent, ...]
    more_count: int  # items cut at the limit: "n more on the website"
    more_url: str
    site_url: str
    archive_url: str  # the web version
    unsubscribe_url: str
    preferences_url: str
    helpline_number: str
    helpline_hours: str
    postal_address: str
    greeting: str  # the greeting slot in mail, "Hello," in the archive
    audience: str = ""  # "Health · North East": why the reader gets this edition; empty in the archive
    notice: str = ""  # shown above everything, such as "Test send"; empty in real mail
    correction: str = ""  # "This is a correction to our e-news of October 2026."; empty in a monthly issue
    announcements: tuple[Announcement, ...] = ()  # for everybody, after the introduction; at most five
    items: tuple[ItemContent, ...] = field(init=False)

    def __post_init__(self) -> None:
        shown = (*self.highlights, *(item for section in self.sections for item in section.items))
        object.__setattr__(self, "items", shown)

    @property
    def has_pictures(self) -> bool:
        return any(item.image_url for item in self.items)
