"""`Delivery`: one issue to one member, and its state in the ledger.

    pending -> claimed (lease) -> sending -> sent | retry_wait | failed | skipped | unknown

The moves themselves are in `newsletter/ledger/`; nothing else may change a state.
"""

import uuid

from django.db import models
from django.db.models import Count, Q


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def by_state(self) -> dict[str, int]:
        """Number of deliveries per state, every state present, in one query."""
        found = dict(self.values_list("state").annotate(Count("pk")).order_by())
        return {state.value: found.get(state.value, 0) for state in Delivery.State}

    def unfinished(self) -> "DeliveryQuerySet":
        return self.filter(state__in=Delivery.UNFINISHED)


class Delivery(models.Model):
    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        CLAIMED = "claimed", "Taken by a worker"
        SENDING = "sending", "Being handed over"
        SENT = "sent", "Accepted by the provider"
        RETRY_WAIT = "retry_wait", "Waiting to be tried again"
        FAILED = "failed", "Refused for good"
        SKIPPED = "skipped", "Not to be mailed"
        UNKNOWN = "unknown", "Needs a decision"

    UNFINISHED = (State.PENDING, State.CLAIMED, State.SENDING, State.RETRY_WAIT)

    # No index of their own for these three: those below serve, and each index is written four times per row. No foreign
    # keys in the database either: checking them took more than half of a freeze, and somebody erased in that moment
    # would have made all of it fail. Django protects issues and editions; `ledger.finish_mailing` forgets who has gone.
    issue = models.ForeignKey(
        "newsletter.Issue", on_delete=models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False
    )
    edition = models.ForeignKey(
        "newsletter.Edition",
        null=True,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    # Empty once the member has been erased or the ledger has aged: the count stays, the person goes.
    member = models.ForeignKey(
        "membership.Member",
        null=True,
        on_delete=models.SET_NULL,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    # Why it was skipped, failed, waits or is unknown: a short code or sentence, never an address.
    reason = models.CharField(max_length=200, blank=True)
    # What the token in the mail's links is made from, and its hash once it is on its way (`tokens.py`).
    nonce = models.UUIDField(default=uuid.uuid4, editable=False)
    token_hash = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001  unique
    # Fencing: only the worker that holds this attempt may move the row on.
    attempt = models.UUIDField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, editable=False)
    next_attempt_at = models.DateTimeField(null=True, editable=False)
    # When, and to which provider, it was last handed over: an unknown one may be repeated there under its key (ADR 5).
    handed_at = models.DateTimeField(null=True, editable=False)
    provider = models.CharField(max_length=20, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    message_id = models.CharField(max_length=200, blank=True)  # the provider's own, where it gives one
    # When its member had what was measured deleted: what was read before is not kept, though it be reported once more.
    measured_since = models.DateTimeField(null=True, editable=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["member", "issue"], name="delivery_one_per_issue_and_member"),
            # Partial: a row that has not been handed over yet costs this index nothing.
            models.UniqueConstraint(
                fields=["token_hash"], condition=Q(token_hash__isnull=False), name="delivery_token_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["pending", "claimed", "sending", "sent", "retry_wait", "failed", "skipped", "unknown"]
                ),
                name="delivery_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["claimed", "sending"]) | Q(attempt__isnull=False, lease_until__isnull=False),
                name="delivery_in_flight_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["skipped", "failed", "unknown"]) | ~Q(reason=""),
                name="delivery_says_why",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["claimed", "sending", "sent"]) | Q(edition__isnull=False),
                name="delivery_sent_has_edition",
            ),
        ]
        # Partial, so that each stays as small as the work that is left, however many rows the ledger holds.
        indexes = [
            models.Index(fields=["issue", "id"], condition=Q(state="pending"), name="delivery_pending"),
            models.Index(fields=["issue", "next_attempt_at"], condition=Q(state="retry_wait"), name="delivery_retry"),
            models.Index(
                fields=["issue", "lease_until"],
                condition=Q(state__in=["claimed", "sending"]),
                name="delivery_in_flight",
            ),
            models.Index(fields=["issue", "id"], condition=Q(state="unknown"), name="delivery_unknown"),
            models.Index(fields=["message_id"], condition=~Q(message_id=""), name="delivery_message_id"),
            models.Index(fields=["issue", "state", "edition"], name="delivery_counts"),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk} ({self.state})"


class AgedToken(models.Model):
    """What is kept of a delivery whose person has been taken out of the ledger: only that its link still leaves."""

    token_hash = models.CharField(max_length=64, unique=True)
    member = models.ForeignKey("membership.Member", on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"Aged token {self.pk}"
