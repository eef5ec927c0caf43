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
    # Whether links of those who did not agree lead through `/l/<period>/<n>`, the same for all (ADR 23). Fixed when
    # the issue is frozen.
    counts_clicks = models.BooleanField(default=False)
    # Why it does not go on, in words for the operator: who paused or cancelled it, or what the circuit breaker saw.
    held_because = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["frozen", "sending", "paused", "cancelled", "finished"]),
                name="mailing_state_known",
            )
        ]

    def __str__(self) -> str:
        return f"Mailing {self.pk} ({self.state})"

    @property
    def is_out(self) -> bool:
        """Whether its sending has come to its end once."""
        return bool(self.finished_at) and self.state != self.State.CANCELLED


class CertificateRecord(models.Model):
    """The certificate as it was when the mailing finished, sealed: a later change of the ledger shows. Append-only."""

    issue = models.ForeignKey("newsletter.Issue", on_delete=models.PROTECT, related_name="certificates")
    issued_at = models.DateTimeField(default=timezone.now)
    counts = models.JSONField()  # what `certify_issue` printed then
    digest = models.CharField(max_length=64)  # SHA-256 over the ledger's rows (`certificate.py`)
    signature = models.CharField(max_length=200)  # of counts and digest, with SECRET_KEY

    class Meta:
        indexes = [models.Index(fields=["issue", "issued_at"], name="certificate_of_issue")]

    def __str__(self) -> str:
        return f"Certificate {self.pk} of issue {self.issue_id}"
