"""Template tags of a page's head: social card and canonical address, and schema.org's JSON-LD."""

import json

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from wagtail.models import Page

from cms import metadata

register = template.Library()

# What could end the element or begin another, in JSON's own notation: a title with “</script>” stays a title.
ESCAPES = {ord(sign): f"\\u{ord(sign):04X}" for sign in "<>&\u2028\u2029"}


@register.simple_tag(takes_context=True)
def social(context: template.Context, page: Page | None = None) -> metadata.Card | None:
    """The card of `page`, of the context's page or teaser, or of an open form; None for pages that are one person's."""
    page = page or context.get("page")
    request = context.get("request")
    if isinstance(page, Page):
        return metadata.card_of(page, request.GET.dict() if request else {})
    if not request:
        return None
    teaser = context.get("teaser")
    if isinstance(teaser, dict):
        return metadata.card_of_teaser(teaser, request.path)
    return metadata.card_of_path(request.path)


@register.simple_tag(takes_context=True)
def structured_data(context: template.Context, page: Page) -> SafeString:
    """A page as schema.org, in a script element that browsers do not run. Nothing for what is not a page yet."""
    if not isinstance(page, Page) or not page.pk:
        return mark_safe("")
    nonce = str(context.get("CSP_NONCE", ""))  # made when it is first read; before that it passes for empty
    graph = json.dumps(metadata.structured(page), ensure_ascii=False).translate(ESCAPES)
    own = format_html(' nonce="{}"', nonce) if nonce else ""
    return format_html('<script type="application/ld+json"{}>{}</script>', own, mark_safe(graph))  # noqa: S308
