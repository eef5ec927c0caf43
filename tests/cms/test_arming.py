"""Whether this installation may mail by itself, and how a copy of its database knows that it is one."""

import json
from pathlib import Path

import pytest

from cms import arming, installation
from cms.models import Disarmed, Installation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")


def moved(**fields):
    """As if the database had been armed somewhere else."""
    arming.examine()
    Installation.objects.update(**fields)


def test_first_database_is_believed_and_stays_so():
    assert (arming.silence(), arming.examine(), arming.examine()) == ("", "", "")
    assert Installation.objects.get().place == installation.place()


def test_setting_silences_whatever_the_database_says(settings):
    settings.SENDING_ARMED = False
    assert "SENDING_ARMED" in arming.silence()
    assert "SENDING_ARMED" in arming.examine()


def test_database_silences_until_it_is_armed():
    arming.disarm("somebody said so.")
    assert "somebody said so." in arming.silence() == arming.examine()
    arming.arm()
    assert arming.examine() == ""


def test_copy_is_disarmed_on_the_spot_and_staff_are_to_be_told():
    moved(place="elsewhere")
    assert "copy" in arming.examine()
    row = Disarmed.objects.get()
    assert (row.behind, row.told) == (True, False)
    assert "copy" in arming.silence()


def test_copy_that_somebody_armed_is_the_one_from_then_on():
    moved(place="elsewhere")
    before = Installation.objects.get().mark
    arming.examine()
    arming.arm()
    assert arming.examine() == ""
    assert Installation.objects.get().mark != before, "what the copied one noted says nothing about this one"


def test_process_of_another_installation_stays_silent_and_disarms_nobody_else(settings):
    settings.INSTALLATION_ID = "production"
    assert arming.examine() == ""
    settings.INSTALLATION_ID = "staging"
    assert "production" in arming.examine()
    settings.INSTALLATION_ID = ""
    assert "production" in arming.examine()
    settings.INSTALLATION_ID = "production"
    assert arming.examine() == ""
    assert not Disarmed.objects.exists()


def test_name_given_later_is_taken_down(settings):
    arming.examine()
    settings.INSTALLATION_ID = "production"
    assert arming.examine() == ""
    assert Installation.objects.get().name == "production"


def test_what_is_behind_stays_so_until_it_has_caught_up():
    arming.disarm("restored.", behind=True)
    arming.disarm("somebody said so.")
    assert Disarmed.objects.get().behind
    arming.caught_up()
    assert not Disarmed.objects.get().behind


def test_looking_costs_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        arming.silence()


class TestTurns:
    def test_database_that_went_back_is_disarmed(self, settings, monkeypatch):
        arming.examine()
        installation.count_turn()
        installation.count_turn()
        Installation.objects.update(turns=1)
        assert arming.examine() == "", "within a transaction nothing is compared"
        self.outside_a_transaction(monkeypatch)
        assert "older than it has been" in arming.examine()

    def test_turns_of_another_database_say_nothing(self, settings, monkeypatch):
        arming.examine()
        note = Path(settings.ERASURE_JOURNAL).with_name("turns.json")
        note.write_text(json.dumps({"mark": "another", "turn": 1000}))
        self.outside_a_transaction(monkeypatch)
        assert arming.examine() == ""
        assert json.loads(note.read_text()) == {"mark": str(Installation.objects.get().mark), "turn": 1}

    @pytest.mark.parametrize("text", ["", "[]", '{"mark": 1}', "\x00"])
    def test_rubbish_in_the_note_says_nothing(self, settings, monkeypatch, text):
        arming.examine()
        Path(settings.ERASURE_JOURNAL).with_name("turns.json").write_text(text)
        self.outside_a_transaction(monkeypatch)
        assert arming.examine() == ""

    def test_folder_that_cannot_be_written_stops_nothing(self, settings, monkeypatch):
        settings.ERASURE_JOURNAL = "/proc/no/such/place.jsonl"
        self.outside_a_transaction(monkeypatch)
        assert (arming.examine(), arming.examine()) == ("", "")

    def outside_a_transaction(self, monkeypatch):
        """The test itself runs in one."""
        monkeypatch.setattr(arming, "_may_be_rolled_back", lambda: False)
