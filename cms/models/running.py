"""Whether this installation may mail by itself, and which database it is. `cms/arming.py` decides by these."""

import uuid

from django.db import models
from django.utils import timezone


class Disarmed(models.Model):
    """While its one row is there, nothing is mailed that nobody asked for in that moment (ADR 27)."""

    since = models.DateTimeField(default=timezone.now)
    because = models.CharField(max_length=300)  # a sentence for whoever looks
    # A copy of an older state: what was erased or left since must be caught up with before it may be armed.
    behind = models.BooleanField(default=False)
    taken_at = models.DateTimeField(null=True)  # when the restored backup was taken
    told = models.BooleanField(default=False)  # whether staff know of it

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="disarmed_once")]

    def __str__(self) -> str:
        return self.because


class Installation(models.Model):
    """The place in which this database was armed, by which a copy of it knows that it is one."""

    mark = models.UUIDField(default=uuid.uuid4)  # another one each time that it is armed
    name = models.CharField(max_length=200, blank=True)  # the setting INSTALLATION_ID
    place = models.CharField(max_length=200)  # what the database server says it is
    turns = models.BigIntegerField(default=0)  # counted here and outside: a database that went back has fewer

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="installation_once")]

    def __str__(self) -> str:
        return str(self.mark)
