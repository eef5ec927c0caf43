"""What people outside offer for the directory, from the form at `/submit/` to the editors' answer."""

from django.conf import settings
from django.db import models

from cms.models.entry import Kind


class Submission(models.Model):
    """One offer: typed by anybody, confirmed by e-mail, made into a draft entry, then published or refused."""

    class State(models.TextChoices):
        UNCONFIRMED = "unconfirmed", "Address not confirmed"
        WAITING = "waiting", "Waits for an editor"
        PUBLISHED = "published", "Published"
        REFUSED = "refused", "Refused"

    KINDS = [Kind.SERVICE, Kind.RESOURCE, Kind.EVENT, Kind.CASE_STUDY]

    # For people to quote: “S-7KQ2MNPA”.
    reference = models.CharField(max_length=12, unique=True, editable=False)
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.label) for kind in KINDS])
    title = models.CharField(max_length=120)
    # The cleaned fields of the kind's form, as plain text, by field name; the draft entry is made of them.
    words = models.JSONField(default=dict)
    name = models.CharField(max_length=120)
    email = models.EmailField(max_length=254)  # normalised (cms/addresses.py)
    organisation = models.CharField(max_length=120, blank=True)

    state = models.CharField(max_length=12, choices=State.choices, default=State.UNCONFIRMED)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)  # of the confirmation link
    made_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    # When the answer was handed to the mail provider; until then it is tried again.
    told_at = models.DateTimeField(null=True, blank=True)
    entry = models.OneToOneField(
        "cms.Entry", null=True, blank=True, on_delete=models.SET_NULL, related_name="submission"
    )
    reason = models.TextField(max_length=1000, blank=True)  # of a refusal, as the submitter reads it
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        indexes = [
            models.Index(fields=["state", "made_at"], name="submission_state"),
            models.Index(fields=["answered_at"], name="submission_answered"),
            models.Index(
                fields=["answered_at"],
                condition=models.Q(answered_at__isnull=False, told_at=None),
                name="submission_untold",
            ),
            models.Index(fields=["email", "made_at"], name="submission_email"),
        ]
        permissions = [("moderate_submissions", "Can moderate what people offer for the directory")]

    def __str__(self) -> str:
        return f"{self.reference}: {self.title}"
