"""How what is held about a member is shown to people."""

from datetime import date, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format

register = template.Library()


@register.filter
def spoken(name: str) -> str:
    """`wording_version` as "Wording version"."""
    words = name.replace("_", " ").replace("e news", "e-news")
    return words[:1].upper() + words[1:]


@register.filter
def shown(value: Any) -> str:
    """A value of a row in words: local times, yes and no, lists with semicolons, and a dash for nothing."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "j F Y, H:i")
    if isinstance(value, date):
        return date_format(value, "j F Y")
    if isinstance(value, list | tuple):
        return "; ".join(str(one) for one in value) or "–"
    return "–" if value in (None, "") else str(value)
