"""Addresses that must not be mailed, kept as keyed hashes only."""

from django.db import models
from django.utils import timezone


class Suppression(models.Model):
    class Reason(models.TextChoices):
        BOUNCED = "bounced", "The mailbox does not exist"
        COMPLAINED = "complained", "Reported as spam"
        ERASED = "erased", "Asked to be erased"
        REQUESTED = "requested", "Asked never to be mailed"

    address_hash = models.CharField(max_length=64, unique=True)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reason__in=["bounced", "complained", "erased", "requested"]),
                name="suppression_reason_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} since {self.since:%Y-%m-%d}"
