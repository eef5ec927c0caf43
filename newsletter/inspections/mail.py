"""The finished mail: that it can be rendered, stays under what mailboxes cut off, and says the same as text."""

from collections.abc import Iterator

from django.utils.encoding import iri_to_uri

from newsletter.choosing import Choice
from newsletter.inspections.draft import Draft
from newsletter.inspections.findings import Finding, Level
from newsletter.inspections.reach import Reach
from newsletter.rendering import MAX_HTML_BYTES, Rendered, RenderError, render_edition

NEARLY_FULL = 75_000  # bytes of HTML
SHORT_TEXT = 300  # characters: less than the frame of the mail alone


def look(draft: Draft, reach: Reach) -> Iterator[Finding]:
    """Render the general edition, and the one with the most in it: all others lie in between."""
    if not draft.editions.items and not draft.issue.is_correction:
        return
    general = draft.editions.general(draft.editions.limit)
    largest = max(reach.choices, key=lambda choice: _weight(draft, choice), default=general)
    for choice in dict.fromkeys([general, largest]):
        found = list(_rendered(draft, choice))
        yield from found
        if any(one.level == Level.ERROR for one in found):
            return


def _rendered(draft: Draft, choice: Choice) -> Iterator[Finding]:
    content = draft.editions.content(choice)
    try:
        mail = render_edition(content)
    except (RenderError, ValueError) as error:
        yield Finding("unrenderable", Level.ERROR, str(error), "mail")
        return
    size = len(mail.html.encode())
    if size > NEARLY_FULL:
        sentence = (
            f"The largest edition has {size / 1000:.0f} KB of {MAX_HTML_BYTES / 1000:.0f}: mailboxes cut off what is "
            "longer. Shorten the introduction, or let each edition carry fewer items."
        )
        yield Finding("mail-large", Level.WARNING, sentence, "mail")
    yield from _text(mail, [item.url for item in content.items])


def _text(mail: Rendered, urls: list[str]) -> Iterator[Finding]:
    missing = [url for url in urls if iri_to_uri(url) not in mail.text]
    if missing or len(mail.text) < SHORT_TEXT:
        sentence = "The text part of the mail does not say what the rest says: ask whoever runs the service."
        yield Finding("text-part", Level.ERROR, sentence, "mail")


def _weight(draft: Draft, choice: Choice) -> int:
    """How much an edition holds, without rendering it."""
    editions = draft.editions
    found = ((editions.items[place], editions.pages[editions.items[place].page_id or 0]) for place in choice.items)
    return sum(700 + len(item.headline or page.title) + len(item.summary or page.summary) for item, page in found)
