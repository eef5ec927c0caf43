"""The verdict on a send: the ledger laid on what the provider counted. Numbers in, numbers out."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

UNFINISHED = {"pending", "claimed", "sending", "retry_wait"}


@dataclass(frozen=True)
class Verdict:
    """What came of a send. Everything but the counts in the first lines ought to be 0."""

    frozen: int = 0
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0  # at the very end
    received: int = 0  # messages the provider accepted for people of this issue
    duplicates: int = 0  # people it accepted more than one for
    lost: int = 0  # neither mailed nor in a named end state, or sent by the ledger and unseen by the provider
    mistaken: int = 0  # failed or skipped by the ledger, and mailed all the same
    balanced: bool = False
    finished: bool = False  # whether it came to its end in time

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    *, frozen: int, ends: Iterable[tuple[str, str]], accepted: Mapping[str, int], bounced: Collection[str] = ()
) -> Verdict:
    """Judge a send of which so many deliveries were frozen.

    `ends`: state and address of each delivery in the ledger. `accepted`: how many messages the provider took for each
    address. `bounced`: for whom it took one and could not deliver it, or refused to take one.
    """
    rows = list(ends)
    states = Counter(state for state, _ in rows)
    got = {address: accepted.get(address, 0) for _, address in rows}
    return Verdict(
        frozen=frozen,
        sent=states["sent"],
        failed=states["failed"],
        skipped=states["skipped"],
        unknown=states["unknown"],
        received=sum(got.values()),
        duplicates=sum(count > 1 for count in got.values()),
        lost=sum(
            state in UNFINISHED or (state == "sent" and not got[address] and address not in bounced)
            for state, address in rows
        ),
        mistaken=sum(state in {"failed", "skipped"} and got[address] > 0 for state, address in rows),
        balanced=len(rows) == frozen and len(got) == frozen,
        finished=not any(states[state] for state in UNFINISHED),
    )
