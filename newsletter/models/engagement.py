"""What the mail world reported, and what agreeing members opened and followed. No addresses, no IPs, no agents."""

from django.db import models
from django.utils import timezone


class ProviderEvent(models.Model):
    """One report of the provider (Anymail's names), kept apart from what we did ourselves."""

    delivery = models.ForeignKey(
        "newsletter.Delivery", null=True, on_delete=models.CASCADE, related_name="provider_events"
    )
    provider = models.CharField(max_length=40)
    event_type = models.CharField(max_length=40)
    reject_reason = models.CharField(max_length=40, blank=True)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    # SHA-256 over the event's natural key: the same report, delivered fifty times, is one row.
    natural_key = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes = [models.Index(fields=["delivery", "event_type"], name="provider_event_by_delivery")]


class Hit(models.Model):
    """One open or click of a member who agreed to have that measured. Raw: machines are not yet told apart."""

    class What(models.TextChoices):
        OPEN = "open", "Open"
        CLICK = "click", "Click"

    delivery = models.ForeignKey("newsletter.Delivery", on_delete=models.CASCADE, related_name="hits")
    what = models.CharField(max_length=5, choices=What.choices)
    link = models.ForeignKey("newsletter.Link", null=True, on_delete=models.CASCADE, related_name="hits")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(what="open", link=None) | models.Q(what="click", link__isnull=False),
                name="hit_click_has_link",
            )
        ]
        indexes = [models.Index(fields=["delivery", "what"], name="hit_by_delivery")]
