"""A registered professional: who they are at work."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Member(models.Model):
    """Sectors, region, organisation and job role of one person."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="member")
    sectors = models.ManyToManyField("cms.Sector", related_name="members")
    region = models.ForeignKey(
        "cms.Region",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="members",
        help_text="Empty means national: only news for the whole country.",
    )
    organisation = models.CharField(max_length=120, blank=True)
    job_role = models.CharField(max_length=120, blank=True)
    joined_at = models.DateTimeField(default=timezone.now)
    last_visit_at = models.DateTimeField(null=True, blank=True, help_text="When they last opened their account page.")
    # "Still in this post?": asked once a year, answered with one button.
    post_asked_at = models.DateTimeField(null=True, blank=True)
    post_confirmed_at = models.DateTimeField(null=True, blank=True)
    # Set as the first step of an erasure: only then does the database let consent records go.
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"Member {self.pk}"
