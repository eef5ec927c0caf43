"""The judge of the chaos suite can find fault, and its plans leave nothing out. The scenarios: `make chaos`."""

from typing import Any

import pytest

from benchmarks.chaos import catching, plans
from benchmarks.chaos.checking import BOUNDARIES, Outcome, complaints, never_tried
from benchmarks.chaos.events import EVENTS
from benchmarks.verdict import compare

A, B, C, D = (f"{name}@example.org" for name in "abcd")
LEDGER = [("sent", A), ("sent", B), ("skipped", C), ("unknown", D)]
COUNTED = {A: 1, B: 1}


def found(
    *, ledger: Any = LEDGER, counted: Any = COUNTED, frozen: int = 4, bounced: Any = (), **more: Any
) -> list[str]:
    verdict = compare(frozen=frozen, ends=ledger, accepted=counted, bounced=bounced)
    return complaints(Outcome(verdict, **{"in_doubt": 1, "lost_workers": 1} | more))


def test_a_ledger_that_matches_what_was_counted_is_good():
    assert found() == []
    assert found(counted={A: 1}, bounced={B}) == []
    assert found(in_doubt=50) == []
    assert found(in_doubt=50, never_asked=50, reports=True, gone=1) == []
    assert found(in_doubt=53, struck={"drop-after-data": 3, "421": 9}) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"counted": COUNTED | {B: 2}}, "mailed twice"),
        ({"counted": COUNTED | {D: 2}}, "mailed twice"),
        ({"counted": {A: 1}}, "lost"),
        ({"ledger": [("pending", A), *LEDGER[1:]]}, "lost"),
        ({"ledger": [("sending", A), *LEDGER[1:]]}, "did not come to its end"),
        ({"counted": COUNTED | {C: 1}}, "the ledger says that they were not"),
        ({"ledger": [("failed", A), *LEDGER[1:]]}, "the ledger says that they were not"),
        ({"frozen": 5}, "does not add up"),
        ({"frozen": 3}, "does not add up"),
        ({"ledger": LEDGER[:3]}, "does not add up"),
        ({"sealed": False}, "seal"),
        ({"sealed": None}, "seal"),
        ({"lost_workers": 0}, "can be explained"),
        ({"in_doubt": 51}, "can be explained"),
        ({"in_doubt": 51, "reports": True, "never_asked": 51}, "unknown by 1 lost workers"),
        ({"in_doubt": 60, "struck": {"rubbish": 50}, "reports": True, "never_asked": 51}, "unknown by 1 lost workers"),
        ({"reports": True}, "although everything was reported"),
        ({"mailed_after_leaving": [7]}, "after they had left"),
        ({"answers": {"200": 10, "500": 1}}, "refused by the webhook"),
        ({"answers": {"0": 1}}, "refused by the webhook"),
        ({"complaints": ["a report was answered 200, not 400"]}, "answered 200, not 400"),
    ],
)
def test_the_judge_finds_fault(wrong: dict[str, Any], words: str):
    assert any(words in complaint for complaint in found(**wrong)), found(**wrong)


def test_every_event_is_known_and_strikes_in_a_series():
    series = [plans.plan(1, number) for number in range(1, plans.SCENARIOS + 1)]
    dealt = {event for plan in series for event in plan.events}
    assert dealt == set(EVENTS)
    for provider, faults in plans.FAULTS.items():
        assert {fault for plan in series if plan.provider == provider for fault in plan.faults} == set(faults)
        assert {event for plan in series if plan.provider == provider for event in plan.events} >= set(plans.WORKERS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"caught": ["claim", "record"]}, ["nobody was ever caught at the mark"]),
        ({"struck": {"smtp": {"hang": 3}, "http": {"429": 1}}}, ["421 of smtp never struck"]),
        ({"struck": {"smtp": {"hang": 3, "421": 0}, "http": {"429": 1}}}, ["421 of smtp never struck"]),
        ({"struck": {"smtp": {"hang": 3, "421": 2, "429": 1}}}, ["429 of http never struck"]),
    ],
)
def test_a_series_that_did_not_try_what_it_was_to_try_fails(change: dict[str, Any], said: list[str]):
    tried: dict[str, Any] = {
        "planned": {"smtp": {"421", "hang"}, "http": {"429"}},
        "struck": {"smtp": {"421": 2, "hang": 3}, "http": {"429": 1}},
        "caught": ["record", "claim", "mark", "claim"],
    }
    assert never_tried(**tried | change) == said


def test_boundaries_are_those_of_the_catcher():
    assert set(BOUNDARIES) == set(catching.BOUNDARIES)


def test_a_scenario_depends_on_its_seed_and_number_alone():
    assert plans.plan(1, 12) == plans.plan(1, 12)
    assert plans.plan(1, 12) != plans.plan(2, 12)
    assert plans.plan(1, 12).command == "python -m benchmarks.chaos --seed 1 --only 12"
