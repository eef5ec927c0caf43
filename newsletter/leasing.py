"""Leases: what only one process may do at a time, such as being the scheduler. It is lost when not renewed.

The database's clock alone decides, so the clocks of machines need not agree. Each act is one conditional statement.
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from newsletter.models import Lease


def hold(name: str, holder: str, seconds: float, *, now: datetime | Now | None = None) -> bool:
    """Take the lease, or renew it, for so many seconds. Returns whether this holder has it now.

    `now` is the database's, unless somebody else's is given (in tests).
    """
    moment = now or Now()
    until = moment + timedelta(seconds=seconds)
    mine = Lease.objects.filter(Q(holder=holder) | Q(until__lte=moment), pk=name)
    if mine.update(holder=holder, until=until):
        return True
    Lease.objects.bulk_create([Lease(name=name, holder=holder, until=until)], ignore_conflicts=True)
    # Whoever wrote first has it; a row that was there before belongs to somebody else.
    return Lease.objects.filter(pk=name, holder=holder).exists()


def release(name: str, holder: str) -> None:
    """Give the lease back, so that another need not wait for its end. Does nothing for somebody else's."""
    Lease.objects.filter(pk=name, holder=holder).delete()
