"""Complaints about how we use personal data (quality.md 10): kept until they are closed and aged."""

from django.db import models
from django.utils import timezone


class Complaint(models.Model):
    reference = models.CharField(max_length=12, unique=True)  # what the acknowledgement quotes
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField("e-mail address")
    text = models.TextField(max_length=5000)
    received_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="What was found and done, in words for the record.")

    class Meta:
        ordering = ["-received_at"]
        indexes = [models.Index(fields=["closed_at"], name="complaint_closed")]

    def __str__(self) -> str:
        return f"Complaint {self.reference}"
