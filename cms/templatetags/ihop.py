"""Template tags of the public pages: the kinds in words and signs, dates in words, and addresses of searches."""

import re
from urllib.parse import urlsplit

from django import template
from django.template.defaultfilters import urlize
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from cms.contents import Contents, list_contents
from cms.glancing import Rows, Terms, at_a_glance, read_terms
from cms.helpline import Opening, opening
from cms.models import Entry, Kind
from cms.related import related_entries

register = template.Library()

# The plural heading of each kind, and one line on what is in it.
KINDS = {
    Kind.RESOURCE: ("Resources", "Factsheets, toolkits, books and films"),
    Kind.RESEARCH: ("Research", "Evidence and evaluations"),
    Kind.POLICY: ("Policy", "Guidance, strategies and charters"),
    Kind.SERVICE: ("Support services", "Who can help a family, and where"),
    Kind.CASE_STUDY: ("Case studies", "What colleagues tried, for members"),
    Kind.TRAINING: ("Training", "Courses and e-learning"),
    Kind.FUNDING: ("Funding", "Money to apply for"),
    Kind.EVENT: ("Events", "Conferences, seminars and family days"),
}


@register.inclusion_tag("cms/includes/kind_icon.html")
def kind_icon(kind: str) -> dict[str, str]:
    """The line icon of a kind. Always beside its label, so it is hidden from screen readers."""
    return {"kind": str(kind)}


@register.filter
def kind_label(kind: str) -> str:
    return str(Kind(kind).label) if kind in Kind.values else ""


@register.filter
def kind_plural(kind: str) -> str:
    return KINDS[Kind(kind)][0] if kind in Kind.values else ""


@register.filter
def kind_line(kind: str) -> str:
    return KINDS[Kind(kind)][1] if kind in Kind.values else ""


@register.filter
def date_line(entry: Entry) -> str:
    """An event's day or a fund's deadline in words; says so when it is past."""
    if not entry.key_date:
        return ""
    past = bool(entry.expires_on and entry.expires_on < timezone.localdate())
    words = {
        Kind.EVENT.value: "Took place on" if past else "",
        Kind.FUNDING.value: "Closed on" if past else "Apply by",
    }.get(entry.kind, "")
    return f"{words} {date_format(entry.key_date, 'l j F Y')}".strip()


@register.filter
def telephone(number: str) -> str:
    """The digits of a number, for a `tel:` link; nothing when the words hold more than one number."""
    digits = re.sub(r"[\s()-]", "", number)
    return digits if re.fullmatch(r"\+?\d{3,15}", digits) else ""


@register.filter
def reach(value: str, label: str) -> str:
    """A fact as text, with links to ring, to write and to visit."""
    if label == "Website":
        host = urlsplit(value).netloc.removeprefix("www.")
        parts = format_html_join(mark_safe("<wbr>."), "{}", [(part,) for part in host.split(".")])
        return format_html('<a href="{}" rel="noopener">{}</a>', value, parts)
    number = telephone(value) if label == "Telephone" else ""
    if number:
        return format_html('<a href="tel:{}">{}</a>', number, value)
    if re.fullmatch(
        r"[^@\s]+@[^@\s]+", value
    ):  # may break after the @ and before dots, where a long address reads best
        name, host = value.split("@")
        parts = format_html_join(mark_safe("<wbr>."), "{}", [(part,) for part in host.split(".")])
        return format_html('<a href="mailto:{}">{}@<wbr>{}</a>', value, name, parts)
    return str(urlize(value))


@register.simple_tag
def helpline_state() -> Opening:
    """Whether the helpline is open (`open`), and that in words (`words`)."""
    return opening()


@register.simple_tag
def with_contents(body: str) -> Contents:
    """A rich text whose headings can be linked to (`html`), and the list of them (`headings`)."""
    return list_contents(body)


@register.simple_tag
def terms(entry: Entry) -> Terms:
    """What an entry is tagged with (four queries)."""
    return read_terms(entry)


@register.simple_tag
def glance(entry: Entry, terms: Terms) -> Rows:
    """The rows of an entry's panel of facts: name, question and answers."""
    return at_a_glance(entry, terms)


@register.simple_tag
def related(entry: Entry, terms: Terms) -> list[Entry]:
    """What else a reader of this entry may need (four queries)."""
    return related_entries(entry, terms=terms, today=timezone.localdate())


@register.simple_tag(takes_context=True)
def current(context: template.Context, address: str) -> str:
    """The value of `aria-current` for a link in the navigation: page, true (a page below it) or false."""
    request = context.get("request")
    if not request or not request.path.startswith(address):
        return "false"
    return "page" if request.path == address else "true"
