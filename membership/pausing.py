"""Pauses that are over: from the chosen day on, the e-news comes again by itself."""

from datetime import date

from membership.models import Subscription


def end_pauses(today: date) -> int:
    """Take up mailing for everybody whose pause is over on `today`; return how many. May be run again.

    A pause without a day is ended by its member only.
    """
    return Subscription.objects.pause_over(today).update(state=Subscription.State.ACTIVE, paused_until=None)
