"""What a member has saved, for pages of the directory that know nothing of members."""

from django import template
from django.db.models import QuerySet

from cms.directory import Results
from cms.models import Entry
from membership.models import Member, SavedEntry, SavedSearch

register = template.Library()


@register.simple_tag(takes_context=True)
def is_member(context: template.Context) -> bool:
    """Whether the reader is logged in and a member (one query)."""
    return _members(context).exists()


@register.simple_tag(takes_context=True)
def saved_entry(context: template.Context, entry: Entry) -> SavedEntry | None:
    """The reader's own note that they saved this entry."""
    return SavedEntry.objects.filter(member__in=_members(context), entry=entry).first()


@register.simple_tag(takes_context=True)
def saved_search(context: template.Context, results: Results) -> SavedSearch | None:
    """The reader's saved search that asks for the same."""
    return SavedSearch.objects.filter(member__in=_members(context), query=results.filters.canonical).first()


def _members(context: template.Context) -> QuerySet[Member]:
    request = context.get("request")
    user = getattr(request, "user", None)
    return Member.objects.filter(user=user.pk) if user and user.is_authenticated else Member.objects.none()
