"""`Mailing`: the sending of one issue, from freeze to certificate.

It is apart from the page, because publishing a page writes all its columns: an editor's click must never
overwrite what a worker has just recorded.
"""

from django.db import models
from django.utils import timezone


class Mailing(models.Model):
    class State(models.TextChoices):
        FROZEN = "frozen", "Frozen, not started"
        SENDING = "sending", "Sending"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"
        FINISHED = "finished", "Sent"

    issue = models.OneToOneField("newsletter.Issue", primary_key=True, on_delete=models.PROTECT, related_name="mailing")
    # The approved version that was frozen, for the record.
    revision = models.ForeignKey("wagtailcore.Revision", null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.FROZEN)
    frozen = models.PositiveIntegerField("deliveries frozen", default=0)
    frozen_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["frozen", "sending", "paused", "cancelled", "finished"]),
                name="mailing_state_known",
            )
        ]

    def __str__(self) -> str:
        return f"Mailing {self.pk} ({self.state})"
