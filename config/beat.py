"""One scheduler: beat ticks only while it holds the lease “beat”, so any number of beat processes may run (ADR 26)."""

import logging
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from celery.beat import Scheduler
from django.conf import settings
from django.db import Error, connection

from newsletter import heartbeats, leasing

logger = logging.getLogger(__name__)

LEASE = "beat"
RENEWALS = 5  # in the time of one lease, so that four may fail
LOOKS = 15  # in that time, by one that waits for the lease


class LeasedScheduler(Scheduler):
    """Celery's scheduler, silent while another process has the lease.

    It keeps the times of its last runs in memory only: a new one asks for everything at once that is due, which every
    task may be (they may be run twice), and whatever was missed is found by the tick.
    """

    def __init__(
        self,
        *args: Any,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime | None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        self.name = f"{heartbeats.process_name('beat')}:{uuid.uuid4().hex[:8]}"[:100]
        self.clock, self.now = clock, now
        self.held_until = self.asked_at = self.shown_at = float("-inf")
        self.length = settings.BEAT_LEASE_SECONDS
        self.renew, self.ask = self.length / RENEWALS, self.length / LOOKS
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Ask for one task that is due, if this process is the scheduler. Returns the seconds until the next call."""
        self._show_life()
        if not self._is_mine():
            return self.ask
        wait: float = super().tick(*args, **kwargs)
        return min(wait, self.renew)

    def close(self) -> None:
        """End in good order: another takes over at once."""
        super().close()
        self._safely(lambda: leasing.release(LEASE, self.name))
        self._safely(lambda: heartbeats.leave(self.name))
        self.held_until = float("-inf")

    def _is_mine(self) -> bool:
        """Whether this process is the scheduler now. The database is asked every few seconds only, and when it does
        not answer, the lease is believed in until its end."""
        before, began = self.held_until > self.clock(), self.clock()
        if began - self.asked_at >= (self.renew if before else self.ask):
            self.asked_at = began
            held = self._safely(lambda: leasing.hold(LEASE, self.name, self.length, now=self.now()))
            if held is not None:
                self.held_until = began + self.length if held else float("-inf")
        mine = self.held_until > self.clock()
        if mine != before:
            if mine:
                logger.info("%s is now the scheduler", self.name)
            else:
                logger.warning("%s is no longer the scheduler", self.name)
        return mine

    def _show_life(self) -> None:
        if self.clock() - self.shown_at >= heartbeats.EVERY:
            self.shown_at = self.clock()
            self._safely(lambda: heartbeats.beat(self.name, "beat"))

    def _safely(self, act: Callable[[], bool | None]) -> bool | None:
        """Beat outlives its database: None when that is away."""
        try:
            return act()
        except Error as error:
            logger.warning("the scheduler cannot reach the database: %s", type(error).__name__)
            if not connection.in_atomic_block:
                connection.close()  # a new one is tried next time
            return None
