"""What a second person approved, when it is to be sent, and what an editor has seen of its editions."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from wagtail.models import AbstractGroupApprovalTask, Page

User = settings.AUTH_USER_MODEL


class SecondPersonTask(AbstractGroupApprovalTask):
    """The step of Wagtail's workflow in which a colleague looks at an issue.

    They ask for changes here; approving asks for more than a click (`desk/approval.py`), so it has a page of its own.
    """

    class Meta:
        verbose_name = "Approval of an issue by a second person"

    def get_actions(self, obj: Page, user: models.Model) -> list[tuple[str, str, bool]]:
        return [action for action in super().get_actions(obj, user) if action[0] == "reject"]

    @classmethod
    def get_description(cls) -> str:
        return "A colleague from these groups approves the issue on its own page, or asks for changes."


class Approval(models.Model):
    """One approval, with the words that were approved: later changes of entries do not get into the mail (ADR 14).
    It counts while the issue's live revision is this one. Append-only."""

    issue = models.ForeignKey("newsletter.Issue", on_delete=models.CASCADE, related_name="approvals")
    revision = models.ForeignKey("wagtailcore.Revision", null=True, on_delete=models.SET_NULL, related_name="+")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    # Warnings of the pre-flight that were taken responsibility for: key and sentence of each.
    acknowledged = models.JSONField(default=list)
    items_per_edition = models.PositiveSmallIntegerField()
    entries = models.JSONField(default=list)  # what each carried entry said (`wording.py`)

    class Meta:
        indexes = [models.Index(fields=["issue", "at"], name="approval_of_issue")]

    def __str__(self) -> str:
        return f"Approval {self.pk} of issue {self.issue_id}"


class Schedule(models.Model):
    """When an approved issue is to be sent. Gone once its approval is withdrawn."""

    issue = models.OneToOneField(
        "newsletter.Issue", primary_key=True, on_delete=models.CASCADE, related_name="schedule"
    )
    send_at = models.DateTimeField(db_index=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)
    # Its time passed without a start, for a day: nobody is surprised by a late issue, somebody has to say when.
    missed_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=300, blank=True)  # why it was not started when its time came

    def __str__(self) -> str:
        return f"Issue {self.issue_id} at {self.send_at:%Y-%m-%d %H:%M}"


class SeenEditions(models.Model):
    """What every audience would have got at one moment, so that the next look can say what has changed."""

    class Why(models.TextChoices):
        SEEN = "seen", "marked as seen"
        APPROVED = "approved", "approved"

    issue = models.ForeignKey("newsletter.Issue", on_delete=models.CASCADE, related_name="seen")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    why = models.CharField(max_length=8, choices=Why.choices)
    editions = models.JSONField()  # `differences.py` writes and reads it

    class Meta:
        indexes = [models.Index(fields=["issue", "at"], name="seen_editions_of_issue")]

    def __str__(self) -> str:
        return f"Editions of issue {self.issue_id}, {self.why}"


class SenderCheck(models.Model):
    """What the domain name system said about our sender's domain, the last time it was asked (`sender_domain.py`)."""

    domain = models.CharField(max_length=253, unique=True)
    checked_at = models.DateTimeField(default=timezone.now)
    found = models.JSONField()

    def __str__(self) -> str:
        return f"{self.domain}, checked {self.checked_at:%Y-%m-%d}"
