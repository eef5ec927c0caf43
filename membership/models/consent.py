"""Proof of what a member agreed to. Append-only: the database itself refuses changes (`triggers.py`)."""

from django.db import models
from django.utils import timezone

# Raise it whenever the words next to a switch or button change, and keep the old words in docs/consent-wording.md.
WORDING_VERSION = "2026-11"


class ConsentRecord(models.Model):
    class Purpose(models.TextChoices):
        NEWS = "news", "The monthly e-news"
        OPENS = "opens", "Measuring opens"
        CLICKS = "clicks", "Measuring clicks"

    class Act(models.TextChoices):
        ASKED = "asked", "Asked for"
        CONFIRMED = "confirmed", "Confirmed"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Channel(models.TextChoices):
        JOIN_PAGE = "join-page", "Join page"
        CONFIRMATION = "confirmation", "Confirmation link"
        PREFERENCES = "preferences", "Preferences page"
        ONE_CLICK = "one-click", "One-click link in a mail"
        UNDO = "undo", "Undone by the member"
        YEARLY = "yearly", "No answer to the yearly question"
        PROVIDER = "provider", "Reported by the mail provider"
        STAFF = "staff", "By a member of staff"
        IMPORT = "import", "Import of an existing list"

    member = models.ForeignKey("membership.Member", on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    act = models.CharField(max_length=10, choices=Act.choices)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    wording_version = models.CharField(max_length=20, default=WORDING_VERSION)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["member", "at"], name="consent_member_at")]

    def __str__(self) -> str:
        return f"{self.get_act_display()}: {self.get_purpose_display()}, {self.at:%Y-%m-%d}"
