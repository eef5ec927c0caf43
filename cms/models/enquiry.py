"""What the helpline was asked: enough to count and to plan by, nothing about any family."""

from django.conf import settings
from django.db import models


class Enquiry(models.Model):
    """One enquiry that an adviser answered by signposting. Neither the enquirer nor the note to them is kept."""

    class Answered(models.TextChoices):
        EMAIL = "email", "By e-mail"
        PRINT = "print", "Printed or read out"

    adviser = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(db_index=True)
    sector = models.ForeignKey("cms.Sector", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    region = models.ForeignKey("cms.Region", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    topics = models.ManyToManyField("cms.Topic", blank=True, related_name="+")
    entries = models.ManyToManyField("cms.Entry", related_name="enquiries")
    answered = models.CharField(max_length=8, choices=Answered.choices)

    class Meta:
        verbose_name_plural = "enquiries"
        permissions = [
            ("signpost", "Can signpost enquirers to entries"),
            ("see_enquiry_totals", "Can see what the helpline was asked about, as totals"),
        ]

    def __str__(self) -> str:
        return f"Enquiry of {self.made_at:%d %B %Y}"
