"""Links out of our pages and mails, and what became of them the last time they were followed (`cms/links.py`)."""

import hashlib
from typing import Any

from django.db import models


class CheckedLink(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", "Not checked yet"
        WORKS = "works", "Works"
        REDIRECTED = "redirected", "Leads elsewhere"
        BROKEN = "broken", "Broken"
        UNCLEAR = "unclear", "Could not be checked"

    # SHA-256 of the address: addresses are longer than an index likes.
    url_hash = models.CharField(max_length=64, unique=True, editable=False)
    url = models.URLField(max_length=2000)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    status = models.PositiveSmallIntegerField(null=True, blank=True)  # the last HTTP status
    location = models.CharField(max_length=2000, blank=True)  # where it led in the end, if elsewhere
    problem = models.CharField(max_length=200, blank=True)  # one sentence
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    checked_at = models.DateTimeField(null=True, blank=True, db_index=True)
    since = models.DateTimeField(null=True, blank=True)  # when it was first found in this state
    ignored = models.BooleanField(default=False)  # somebody looked, and it is all right
    # Live entries that lead there, as the last round found them (cms/link_rounds.py).
    entries = models.ManyToManyField("cms.Entry", blank=True, related_name="checked_links")

    class Meta:
        indexes = [models.Index(fields=["state", "checked_at"], name="checked_link_state")]

    def __str__(self) -> str:
        return self.url

    def save(self, **kwargs: Any) -> None:
        self.url_hash = self.hash_of(self.url)
        super().save(**kwargs)

    @staticmethod
    def hash_of(url: str) -> str:
        return hashlib.sha256(url.encode()).hexdigest()
