"""What people write to the team: a question, or that an entry is out of date."""

from django.conf import settings
from django.db import models


class Message(models.Model):
    """One message from `/contact/`, kept until some time after it was answered."""

    reference = models.CharField(max_length=12, unique=True, editable=False)
    # What it is about; None for a question of any kind.
    entry = models.ForeignKey("cms.Entry", null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(max_length=254, blank=True)  # normalised; without one nobody can be answered
    text = models.TextField(max_length=4000)
    received_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    note = models.TextField(max_length=4000, blank=True, help_text="What was found and done.")

    class Meta:
        indexes = [
            models.Index(fields=["answered_at", "received_at"], name="message_answered"),
            models.Index(fields=["email", "received_at"], name="message_email"),
        ]
        permissions = [("answer_messages", "Can read and answer messages to the team")]

    def __str__(self) -> str:
        return self.reference
