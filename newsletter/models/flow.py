"""What every sending process must know of the others: rates, waits and counts (`newsletter/flow.py`)."""

from django.db import models


class Pace(models.Model):
    """A rate that all workers share: the moment from which the next message under this name may go.

    `name` is “all”, or “domain:” and a recipient's domain. Moments are seconds since 1970, so that one statement
    does the arithmetic on every database.
    """

    name = models.CharField(max_length=270, primary_key=True)
    free_at = models.FloatField()

    def __str__(self) -> str:
        return self.name


class Throttle(models.Model):
    """What a provider's own signals have slowed us to. One row per provider that ever gave one."""

    provider = models.CharField(max_length=20, primary_key=True)
    hold_until = models.FloatField(default=0)  # nothing is handed over before (seconds since 1970)
    rate = models.FloatField(null=True)  # messages a second while slowed down; none = as configured
    failures = models.PositiveIntegerField(default=0)  # times in a row that nothing at all could be handed over
    changed_at = models.FloatField(default=0)

    def __str__(self) -> str:
        return self.provider


class DayCount(models.Model):
    """How many messages were granted on a day in London, for the warm-up cap of a new sender."""

    day = models.DateField(primary_key=True)
    used = models.PositiveIntegerField(default=0)
    granted = models.PositiveIntegerField(default=0)  # by the latest statement: PostgreSQL 15 returns new values only

    def __str__(self) -> str:
        return f"{self.day}: {self.used}"
