"""What running processes must know of each other: who is alive, and who is the scheduler."""

from django.db import models
from django.utils import timezone


class Lease(models.Model):
    """A task that only one process may have at a time, such as being the scheduler. It is lost when not renewed."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=100)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until:%Y-%m-%d %H:%M:%S}"


class Heartbeat(models.Model):
    """The last sign of life of a process. `kind` is “worker”, “beat”, or “tick” for the periodic work itself; names
    hold no person."""

    name = models.CharField(max_length=100, primary_key=True)
    kind = models.CharField(max_length=10)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["kind", "at"], name="heartbeat_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
