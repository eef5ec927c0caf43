"""What the mail world reported, and what agreeing members opened and followed. No addresses, no IPs, no agents."""

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone


class RawReport(models.Model):
    """One call of a provider's webhook, or one bounce message, as it came: read by a task, and gone some days later."""

    provider = models.CharField(max_length=40)  # as in the webhook's address; "mailbox" for a bounce message
    body = models.BinaryField()
    # What the provider's reader needs besides the body, such as the content type.
    headers = models.JSONField(default=dict)
    # SHA-256 of provider and body: the same call fifty times over is one row.
    digest = models.CharField(max_length=64, unique=True)
    received_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)  # why it cannot be read, in one sentence without addresses

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(processed_at=None), name="raw_report_waiting"),
            models.Index(fields=["processed_at"], name="raw_report_processed"),
        ]

    def __str__(self) -> str:
        return f"Report {self.pk} of {self.provider}"


class ProviderEvent(models.Model):
    """One report of the provider (Anymail's names), kept apart from what we did ourselves."""

    class Verdict(models.TextChoices):
        """What a bounce says about the mailbox; empty for what is no bounce, or does not say."""

        HARD = "hard", "Will never take mail"
        SOFT = "soft", "Did not take this mail"

    delivery = models.ForeignKey(
        "newsletter.Delivery", null=True, on_delete=models.CASCADE, related_name="provider_events"
    )
    provider = models.CharField(max_length=40)
    event_type = models.CharField(max_length=40)
    reject_reason = models.CharField(max_length=40, blank=True)
    verdict = models.CharField(max_length=4, choices=Verdict.choices, blank=True)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    # SHA-256 over the event's natural key: the same report, delivered fifty times, is one row.
    natural_key = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes = [models.Index(fields=["delivery", "event_type"], name="provider_event_by_delivery")]

    def __str__(self) -> str:
        return f"{self.provider}: {self.event_type}"


class Hit(models.Model):
    """One open or click of a member who agreed to have that measured, and whether a person or a machine made it.

    A hit is judged when its window has closed (`judging.py`); until then its verdict is empty. Nothing of the visitor
    is kept: the agent is read when the hit comes and only its signal stays, and of the network 16 bits of a keyed
    hash, enough to tell two networks apart, and too few to find one out; they go with the verdict (ADR 23).
    """

    class What(models.TextChoices):
        OPEN = "open", "Open"
        CLICK = "click", "Click"
        # The page behind the unsubscribe link was fetched: evidence about the clicks beside it, counted nowhere, and
        # gone as soon as those are judged.
        LEAVE = "leave", "Look at the page to leave"

    class Verdict(models.TextChoices):
        HUMAN = "human", "A person"
        MACHINE = "machine", "A machine"
        UNKNOWN = "unknown", "Cannot be told"

    class Signal(models.IntegerChoices):
        """What was seen when the hit came; they add up. All but the last speak for a machine."""

        HEAD = 1, "Asked for the headers only"
        ROBOT = 2, "Called itself a robot"
        PREFETCH = 4, "Fetched ahead, before anybody looked"
        PROVIDER = 8, "The mail provider says so"
        VEILED = 16, "Came without a name, or through a proxy that may have made it by itself"

    delivery = models.ForeignKey("newsletter.Delivery", on_delete=models.CASCADE, related_name="hits")
    what = models.CharField(max_length=5, choices=What.choices)
    link = models.ForeignKey("newsletter.Link", null=True, on_delete=models.CASCADE, related_name="hits")
    at = models.DateTimeField(default=timezone.now)
    # When the mail provider told us of it; empty where it came to us itself, at that very moment.
    reported_at = models.DateTimeField(null=True)
    signals = models.PositiveSmallIntegerField(default=0)  # sum of `Signal`
    network = models.PositiveIntegerField(null=True)  # 0 to 65535; none once judged, or when not known
    verdict = models.CharField(max_length=7, choices=Verdict.choices, blank=True, default="")
    reason = models.CharField(max_length=20, blank=True, default="")  # the rule that decided
    rules = models.PositiveSmallIntegerField(null=True)  # the version of the rules

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(what__in=["open", "leave"], link=None) | models.Q(what="click", link__isnull=False),
                name="hit_click_has_link",
            ),
            models.CheckConstraint(
                condition=models.Q(verdict="")
                | (models.Q(verdict__in=["human", "machine", "unknown"]) & ~models.Q(reason="")),
                name="hit_verdict_says_why",
            ),
        ]
        indexes = [
            models.Index(fields=["delivery", "what"], name="hit_by_delivery"),
            # Partial: as small as what waits to be judged, in the order in which we came to know of it.
            models.Index(Coalesce("reported_at", "at"), condition=models.Q(verdict=""), name="hit_to_judge"),
        ]

    def __str__(self) -> str:
        return f"Hit {self.pk} ({self.what})"


class Departure(models.Model):
    """That a member left the e-news by the link or the header of one mail: which issue they left with."""

    delivery = models.OneToOneField(
        "newsletter.Delivery", primary_key=True, on_delete=models.CASCADE, related_name="departure"
    )
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Departure by delivery {self.pk}"


class LinkCount(models.Model):
    """How often a link was followed on one day, by whomever: counted without knowing who (ADR 23)."""

    link = models.ForeignKey("newsletter.Link", on_delete=models.CASCADE, related_name="counts")
    day = models.DateField()
    clicks = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "day"], name="link_count_once_a_day")]

    def __str__(self) -> str:
        return f"Link {self.link_id} on {self.day}"
