"""What members keep for themselves: entries to find again, and searches that may add to their e-news."""

from django.db import models
from django.utils import timezone


class SavedEntry(models.Model):
    member = models.ForeignKey("membership.Member", on_delete=models.CASCADE, related_name="saved_entries")
    entry = models.ForeignKey("cms.Entry", on_delete=models.CASCADE, related_name="+")
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "saved entries"
        ordering = ["-saved_at"]
        constraints = [models.UniqueConstraint(fields=["member", "entry"], name="saved_entry_once")]

    def __str__(self) -> str:
        return f"Saved entry {self.pk}"


class SavedSearch(models.Model):
    """A search of the directory, kept as the words of its address (`q=visits&region=london`), in sorted order."""

    member = models.ForeignKey("membership.Member", on_delete=models.CASCADE, related_name="saved_searches")
    query = models.CharField(max_length=300)
    title = models.CharField(max_length=80)
    in_news = models.BooleanField("add new matches to my e-news", default=True)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "saved searches"
        ordering = ["-saved_at"]
        constraints = [models.UniqueConstraint(fields=["member", "query"], name="saved_search_once")]

    def __str__(self) -> str:
        return f"Saved search {self.pk}"
