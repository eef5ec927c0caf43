"""What a scenario must have kept to. Pure: what was counted goes in, complaints come out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from benchmarks.verdict import Verdict

GROUP = 50  # deliveries a worker has in its hands between two records: what it may leave in doubt when it is killed
# Faults after which nobody can tell whether the provider took a message, until it reports.
DOUBTFUL = {
    "hang",
    "hang-after",
    "no-reply",
    "reset-before",
    "reset-after",
    "drop-reply",
    "drop-after-data",
    "502",
    "5xx",
    "5xx-after",
    "rubbish",
}


BOUNDARIES = ("claim", "mark", "record")  # of the ledger (`catching.py`)


@dataclass(frozen=True)
class Outcome:
    """All that was counted of a scenario."""

    verdict: Verdict
    lost_workers: int = 0  # killed, or stopped for longer than their lease
    struck: Mapping[str, int] = field(default_factory=dict)  # messages that each fault of the provider struck
    in_doubt: int = 0  # unknown once nothing was left to send, before the provider's reports
    never_asked: int = 0  # still unknown after them: the provider has never heard of these
    gone: int = 0  # unknown at the end, of people who were erased meanwhile: nothing can be sent to them again
    reports: bool = False  # whether this provider reports at all
    sealed: bool | None = True  # the certificate's seal
    mailed_after_leaving: Collection[int] = ()  # deliveries
    answers: Mapping[str, int] = field(default_factory=dict)  # of the webhook to true reports, by status
    complaints: Collection[str] = ()  # made on the way


def complaints(found: Outcome) -> list[str]:
    """Say what a scenario did not keep to; nothing when all is well."""
    verdict, ours = found.verdict, GROUP * found.lost_workers
    theirs = sum(count for fault, count in found.struck.items() if fault in DOUBTFUL)
    after_reports = found.never_asked if found.reports else found.in_doubt - theirs
    left = verdict.unknown - found.gone if found.reports else 0
    refused = sum(count for status, count in found.answers.items() if status != "200")
    rules = {
        f"{verdict.duplicates} people were mailed twice": verdict.duplicates == 0,
        f"{verdict.lost} people were lost": verdict.lost == 0,
        f"{verdict.mistaken} people were mailed although the ledger says that they were not": verdict.mistaken == 0,
        "the certificate does not add up": verdict.balanced,
        "the certificate's seal does not hold": found.sealed is True,
        "it did not come to its end in time": verdict.finished,
        f"{found.in_doubt} in doubt, of which only {ours + theirs} can be explained": found.in_doubt <= ours + theirs,
        f"{after_reports} unknown by {found.lost_workers} lost workers": after_reports <= ours,
        f"{left} are unknown although everything was reported": left == 0,
        f"{len(found.mailed_after_leaving)} people were mailed after they had left": not found.mailed_after_leaving,
        f"{refused} true reports were refused by the webhook": refused == 0,
    }
    return [what for what, kept in rules.items() if not kept] + list(found.complaints)


def never_tried(
    planned: Mapping[str, Collection[str]], struck: Mapping[str, Mapping[str, int]], caught: Collection[str]
) -> list[str]:
    """Say what a whole series was to try and did not: then that it kept everything says less than it seems to.

    `planned` and `struck` are kinds of faults by provider, the latter with how many messages each has struck; `caught`
    are the boundaries at which a worker was killed or frozen.
    """
    missed = [f"nobody was ever caught at the {boundary}" for boundary in BOUNDARIES if boundary not in caught]
    for provider, faults in planned.items():
        missed += [
            f"{fault} of {provider} never struck" for fault in sorted(faults) if not struck.get(provider, {}).get(fault)
        ]
    return missed
