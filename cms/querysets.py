"""Named reads of the directory, so that a view or a task reads like a sentence."""

from datetime import date, datetime

from django.db.models import Q
from wagtail.models import PageManager
from wagtail.query import PageQuerySet


class EntryQuerySet(PageQuerySet):
    def published_before(self, cutoff: datetime) -> "EntryQuerySet":
        """Live entries whose first publication lies before `cutoff` (an aware datetime)."""
        return self.live().filter(first_published_at__lt=cutoff)

    def current(self, today: date) -> "EntryQuerySet":
        """Entries still of use on `today`: neither past, nor closed, nor overdue for review."""
        return self.filter(Q(expires_on__isnull=True) | Q(expires_on__gte=today), review_due__gte=today)

    def with_terms(self) -> "EntryQuerySet":
        """Fetch sectors and regions along, in two queries for the whole list."""
        return self.prefetch_related("sectors", "regions")

    def upcoming(self, today: date) -> "EntryQuerySet":
        """Events that are not over on `today`, the next one first: one of several days counts until its last."""
        return self.live().filter(kind="event", expires_on__gte=today).order_by("key_date", "title")


EntryManager = PageManager.from_queryset(EntryQuerySet)
