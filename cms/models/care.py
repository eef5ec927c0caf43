"""Keeping the directory right: who was asked whether a listing still holds, and what readers looked for in vain."""

from django.db import models


class AssuranceRequest(models.Model):
    """One “Is this still correct?” mail to a listing's contact, and what came of it."""

    class Answer(models.TextChoices):
        CORRECT = "correct", "Still correct"
        CHANGED = "changed", "Something has changed"
        GONE = "gone", "No longer offered"

    entry = models.ForeignKey("cms.Entry", on_delete=models.CASCADE, related_name="assurance_requests")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    asked_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=8, choices=Answer.choices, blank=True)
    text = models.TextField(max_length=2000, blank=True)  # what has changed, in the contact's words
    done_at = models.DateTimeField(null=True, blank=True)  # an editor dealt with what has changed

    class Meta:
        indexes = [
            models.Index(fields=["entry", "asked_at"], name="assurance_entry"),
            models.Index(fields=["done_at", "answered_at"], name="assurance_answered"),
        ]
        permissions = [("care_for_entries", "Can look after review dates, links and searches without results")]

    def __str__(self) -> str:
        return f"{self.entry}, asked on {self.asked_at:%d %B %Y}"


class FruitlessSearch(models.Model):
    """Words that found nothing, and how often; never by whom, and none that hold an address or a number."""

    words = models.CharField(max_length=120, unique=True)  # in lower case
    times = models.PositiveIntegerField(default=1)
    last_on = models.DateField(db_index=True)

    class Meta:
        verbose_name_plural = "fruitless searches"
        indexes = [models.Index(fields=["-times"], name="fruitless_times")]

    def __str__(self) -> str:
        return self.words
