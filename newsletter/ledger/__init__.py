"""Every move a delivery can make, each one conditional statement that may be run twice.

    pending -> claimed (lease) -> sending -> sent | retry_wait | failed | skipped | unknown

`marking` takes rows, `recording` ends them, `sweeping` sees to what was left behind. Their SQL is written by hand where
the ORM cannot return what an update touched; what differs between SQLite and PostgreSQL is in `newsletter/sql.py`.
Nothing here touches the network, and no lock outlives its statement.
"""

from newsletter.ledger.marking import Claimed, Marked, Ready, claim, mark_repeating, mark_sending
from newsletter.ledger.recording import PACED, REPORTED, SETTLED, finish, put_off, release, take_back
from newsletter.ledger.sweeping import (
    cancel,
    doubt,
    finish_mailing,
    next_turn,
    reap_claims,
    reap_sending,
    send_again,
    settle,
    settle_many,
    treat_as_sent,
    wake,
)

__all__ = [
    "PACED",
    "REPORTED",
    "SETTLED",
    "Claimed",
    "Marked",
    "Ready",
    "cancel",
    "claim",
    "doubt",
    "finish",
    "finish_mailing",
    "mark_repeating",
    "mark_sending",
    "next_turn",
    "put_off",
    "reap_claims",
    "reap_sending",
    "release",
    "send_again",
    "settle",
    "settle_many",
    "take_back",
    "treat_as_sent",
    "wake",
]
