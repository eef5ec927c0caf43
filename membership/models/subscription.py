"""A member's standing consent to the e-news, and what they want in it."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from cms.models import Kind
from membership.models.suppression import Suppression


def every_kind() -> list[str]:
    return list(Kind.values)


def only_known_kinds(kinds: Any) -> None:
    if not isinstance(kinds, list) or set(kinds) - set(Kind.values):
        raise ValidationError("Choose from the eight kinds of information.")


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def active(self) -> "SubscriptionQuerySet":
        return self.filter(state=Subscription.State.ACTIVE)

    def entitled(self) -> "SubscriptionQuerySet":
        """Those who are to be mailed: active, and their address not suppressed."""
        suppressed = Suppression.objects.filter(address_hash=OuterRef("member__user__address_hash"))
        return self.active().filter(~Exists(suppressed))

    def without_audience(self) -> "SubscriptionQuerySet":
        return self.filter(audience=None)

    def pause_over(self, today: date) -> "SubscriptionQuerySet":
        return self.filter(state=Subscription.State.PAUSED, paused_until__lte=today)


class Subscription(models.Model):
    """One per member. The state changes only through the verbs in `services.py`, which record consent."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for confirmation"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        ENDED = "ended", "Ended"

    class Frequency(models.TextChoices):
        MONTHLY = "monthly", "Every month"
        QUARTERLY = "quarterly", "Every three months, with what the three months brought"

    member = models.OneToOneField("membership.Member", on_delete=models.CASCADE, related_name="subscription")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    kinds = models.JSONField(default=every_kind, validators=[only_known_kinds])
    frequency = models.CharField(max_length=9, choices=Frequency.choices, default=Frequency.MONTHLY)
    track_opens = models.BooleanField(default=False)
    track_clicks = models.BooleanField(default=False)
    paused_until = models.DateField(null=True, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # SHA-256 of the token in the confirmation link; empty once used.
    confirmation_hash = models.CharField(max_length=64, blank=True, editable=False, db_index=True)
    # Follows from sectors, region and kinds; None = must be worked out again (`audiences.py`).
    audience = models.ForeignKey("membership.Audience", null=True, editable=False, on_delete=models.SET_NULL)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["state", "audience"], name="subscription_state_audience"),
            models.Index(fields=["id"], condition=Q(audience=None), name="subscription_no_audience"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "active", "paused", "ended"]), name="subscription_state_known"
            ),
            # Nobody is active, or paused, without having confirmed (double opt-in for everybody).
            models.CheckConstraint(
                condition=Q(state__in=["pending", "ended"]) | Q(confirmed_at__isnull=False),
                name="subscription_active_needs_confirmation",
            ),
            models.CheckConstraint(
                condition=~Q(state="ended") | Q(ended_at__isnull=False), name="subscription_ended_has_its_time"
            ),
            models.CheckConstraint(
                condition=Q(frequency__in=["monthly", "quarterly"]), name="subscription_frequency_known"
            ),
            models.CheckConstraint(
                condition=Q(paused_until__isnull=True) | Q(state="paused"),
                name="subscription_pause_date_only_when_paused",
            ),
        ]

    def __str__(self) -> str:
        return f"Subscription {self.pk} ({self.state})"
