"""Provider events, signed as Mailgun signs them: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.simulators.shapes import Parcel
from benchmarks.simulators.wire import post

AT_ONCE = 4  # messages told of

Fate = Literal["accepted", "bounced", "refused"]
# `failed` is a permanent bounce of what had been accepted; `rejected` says that a message was never taken.
STORIES: dict[Fate, tuple[str, ...]] = {
    "accepted": ("accepted", "delivered"),
    "bounced": ("accepted", "failed"),
    "refused": ("rejected",),
}


@dataclass(frozen=True)
class Trace:
    """What became of one message."""

    parcel: Parcel
    message_id: str
    fate: Fate


def tell(traces: Iterable[Trace], *, key: str) -> list[list[dict[str, Any]]]:
    """The events of each message, in the order in which they happened."""
    now = time.time()
    return [[_event(trace, what, now + step, key) for step, what in enumerate(STORIES[trace.fate])] for trace in traces]


async def deliver(stories: Iterable[Sequence[dict[str, Any]]], *, to: str, times: int = 1) -> dict[str, int]:
    """Post each event so many times: several messages at once, but one message's events in their order.

    Returns how often each status was answered (0 = no answer).
    """
    answered: Counter[str] = Counter()
    queue = iter(stories)

    async def postman() -> None:
        for story in queue:
            for event in story:
                for _ in range(times):
                    answered[str(await post(to, event))] += 1

    await asyncio.gather(*(postman() for _ in range(AT_ONCE)))
    return dict(answered)


def _event(trace: Trace, what: str, moment: float, key: str) -> dict[str, Any]:
    token, stamp = secrets.token_hex(25), str(int(moment))
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    data: dict[str, Any] = {
        "id": token[:22],
        "event": what,
        "timestamp": moment,
        "recipient": trace.parcel.recipient,
        "user-variables": trace.parcel.variables,
        "tags": trace.parcel.tags,
        "message": {"headers": {"to": trace.parcel.recipient, "message-id": trace.message_id.strip("<>")}},
    }
    if what == "failed":
        data |= {"severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550, "message": "no mailbox"}}
    if what == "rejected":
        data["reject"] = {"reason": "simulated", "description": ""}
    return {"signature": {"token": token, "timestamp": stamp, "signature": signature}, "event-data": data}
