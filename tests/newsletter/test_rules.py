"""Whether a person or a machine made a hit: what each rule asks for, and what it must let pass."""

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.rules import MANY_NETWORKS, REASONS, Seen, Signal, judge

SENT = datetime(2026, 11, 5, 9, 0, tzinfo=UTC)
HUMAN, HEADERS, VEILED = ("human", "nothing"), ("machine", "headers"), ("unknown", "veiled")


def hit(pk: int, seconds: float, what: str = "click", link: int | None = 1, **more: object) -> Seen:
    return Seen(pk, what, link if what == "click" else None, SENT + timedelta(seconds=seconds), **more)


def verdicts(*hits: Seen, sent: datetime | None = SENT) -> list[tuple[str, str]]:
    found = judge(hits, sent)
    return [found[one.pk] for one in sorted(hits, key=lambda one: one.pk)]


class TestWhatItSaysItself:
    @pytest.mark.parametrize(
        ("signal", "reason"),
        [
            (Signal.HEAD, "headers"),
            (Signal.ROBOT, "robot"),
            (Signal.PREFETCH, "ahead"),
            (Signal.PROVIDER, "provider"),
            (Signal.ROBOT | Signal.HEAD, "headers"),
        ],
    )
    @pytest.mark.parametrize("what", ["open", "click"])
    def test_decides(self, signal, reason, what):
        assert verdicts(hit(1, 4000, what, signals=signal)) == [("machine", reason)]


class TestBurst:
    @pytest.mark.parametrize(
        "seconds", [[0, 0.4], [0, 1, 2.5], [0, 1.5, 3, 4.5, 6], [8 * n for n in range(8)]], ids=["2", "3", "5", "8"]
    )
    def test_different_links_faster_than_anybody_reads(self, seconds):
        hits = [hit(pk, 3600 + at, link=pk) for pk, at in enumerate(seconds)]
        assert set(verdicts(*hits)) == {("machine", "burst")}

    @pytest.mark.parametrize(
        "seconds", [[0, 0.8], [0, 1.5, 3], [0, 2, 4, 6, 8], [9 * n for n in range(7)]], ids=["2", "3", "5", "8"]
    )
    def test_a_quick_reader_is_none(self, seconds):
        hits = [hit(pk, 3600 + at, link=pk) for pk, at in enumerate(seconds)]
        assert set(verdicts(*hits)) == {HUMAN}

    def test_the_same_link_over_and_over_is_impatience(self):
        assert set(verdicts(*[hit(pk, 3600 + pk / 10) for pk in range(40)])) == {HUMAN}

    def test_is_judged_apart_from_what_the_person_did_later(self):
        hits = [hit(1, 60, link=1), hit(2, 60.2, link=2), hit(3, 7000, link=2)]
        assert verdicts(*hits) == [("machine", "burst")] * 2 + [HUMAN]

    def test_those_judged_before_are_evidence_and_stay(self):
        before = hit(1, 3600, link=1, verdict="human", reason="nothing")
        assert verdicts(before, hit(2, 3600.5, link=2)) == [HUMAN, ("machine", "burst")]


class TestMany:
    def test_more_links_than_a_person_reads_cannot_be_told(self):
        hits = [hit(pk, 3600 + 100 * pk, link=pk) for pk in range(9)]
        assert set(verdicts(*hits)) == {("unknown", "many")}

    def test_a_thorough_reader_is_a_person(self):
        assert set(verdicts(*[hit(pk, 3600 + 300 * pk, link=pk) for pk in range(9)])) == {HUMAN}

    def test_what_a_machine_followed_before_is_not_held_against_the_reader(self):
        scanned = [hit(pk, 60 + pk / 10, link=pk) for pk in range(9)]
        assert verdicts(*scanned, hit(10, 300, link=3))[-1] == HUMAN


class TestLeaving:
    def test_link_to_leave_fetched_along_with_another(self):
        assert verdicts(hit(1, 900, "leave"), hit(2, 906)) == [("machine", "leaving")] * 2

    def test_whoever_reads_and_then_leaves_is_a_person(self):
        assert verdicts(hit(1, 900), hit(2, 920, "leave"))[0] == HUMAN


class TestNetworks:
    def test_one_link_from_two_places_the_first_is_the_gateway(self):
        assert verdicts(hit(1, 900, network=1), hit(2, 902, network=2)) == [("machine", "networks"), HUMAN]

    def test_a_phone_that_changes_its_network_between_links(self):
        assert verdicts(hit(1, 900, network=1), hit(2, 930, link=2, network=2)) == [HUMAN, HUMAN]

    def test_many_places_within_a_minute(self):
        hits = [hit(n, 900 + 15 * n, link=n, network=n) for n in range(MANY_NETWORKS)]
        assert set(verdicts(*hits)) == {("machine", "networks")}

    def test_the_same_place_is_no_evidence(self):
        assert verdicts(hit(1, 900, network=5), hit(2, 902, network=5), hit(3, 903)) == [HUMAN] * 3

    def test_later_than_a_minute_is_another_visit(self):
        assert verdicts(hit(1, 900, network=1), hit(2, 961, network=2)) == [HUMAN, HUMAN]

    def test_at_midnight_everybody_changes_their_number(self):
        midnight = 15 * 3600
        assert verdicts(hit(1, midnight - 5, network=1), hit(2, midnight + 5, network=2)) == [HUMAN, HUMAN]

    def test_opens_come_through_proxies_elsewhere(self):
        found = verdicts(hit(1, 900, "open", network=1, signals=Signal.VEILED), hit(2, 905, network=2))
        assert found == [("human", "then_clicked"), HUMAN]


class TestAtOnce:
    @pytest.mark.parametrize(("what", "seconds"), [("open", 9), ("click", 4)])
    def test_before_it_can_have_been_read(self, what, seconds):
        assert verdicts(hit(1, seconds, what)) == [("machine", "at_once")]
        assert verdicts(hit(1, seconds, what), sent=None) == [HUMAN]

    @pytest.mark.parametrize(("what", "seconds"), [("open", 11), ("click", 6), ("open", -5)])
    def test_but_not_later_or_earlier(self, what, seconds):
        assert verdicts(hit(1, seconds, what)) == [HUMAN]


class TestOpens:
    def test_beside_a_machine(self):
        hits = [hit(1, 600, "open"), hit(2, 603, link=1), hit(3, 603.1, link=2)]
        assert verdicts(*hits)[0] == ("machine", "beside")

    def test_through_a_proxy_nobody_knows(self):
        assert verdicts(hit(1, 9000, "open", signals=Signal.VEILED)) == [VEILED]

    def test_until_a_person_follows_a_link(self):
        opened = hit(1, 9000, "open", signals=Signal.VEILED)
        assert verdicts(opened, hit(2, 9300))[0] == ("human", "then_clicked")
        assert verdicts(opened, hit(2, 9000 + 11 * 60))[0] == VEILED
        assert verdicts(opened, hit(2, 9300, signals=Signal.HEAD))[0] == VEILED

    def test_with_a_name_and_in_good_time_is_a_persons(self):
        assert verdicts(hit(1, 9000, "open")) == [HUMAN]


def test_click_without_a_name_cannot_be_told():
    assert verdicts(hit(1, 9000, signals=Signal.VEILED)) == [VEILED]


def test_every_reason_has_its_words_and_fits_its_column():
    """Whatever hits come together, in whatever order."""
    hits = [
        hit(n, 37 * n % 400, ["open", "click", "leave"][n % 3], n % 5, signals=n % 32, network=n % 4) for n in range(99)
    ]
    found = judge(hits, SENT)
    assert found == judge(reversed(hits), SENT)
    assert found.keys() == {one.pk for one in hits}
    assert {reason for _, reason in found.values()} <= REASONS.keys()
    assert all(len(reason) <= 20 for reason in REASONS)
