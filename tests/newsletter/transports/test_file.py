"""The embedded default: files in a folder."""

import errno
import os
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from newsletter.transports.base import Outcome, Result, TransportUnavailable
from newsletter.transports.file import FileTransport
from tests.newsletter.transports import UNSUBSCRIBE, BrokenLetter, Letter


def test_writes_the_whole_message_under_issue_and_delivery(tmp_path):
    (outcome,) = FileTransport(tmp_path).send([Letter(delivery=42)])
    assert outcome == Outcome(42, Result.SENT)
    assert [file.name for file in tmp_path.iterdir()] == ["2026-10-000042.eml"]
    message = message_from_bytes((tmp_path / "2026-10-000042.eml").read_bytes(), policy=policy.default)
    assert message["To"] == "sam@example.org"
    assert message["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>"


def test_the_same_delivery_twice_is_one_file(tmp_path):
    transport = FileTransport(tmp_path)
    assert [one.result for one in transport.send([Letter(), Letter(), Letter(delivery=8)])] == [Result.SENT] * 3
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2026-10-000007.eml", "2026-10-000008.eml"]


def test_outcomes_come_one_by_one(tmp_path):
    outcomes = FileTransport(tmp_path).send([Letter(delivery=1), Letter(delivery=2)])
    assert next(outcomes).delivery == 1
    assert [file.name for file in tmp_path.iterdir()] == ["2026-10-000001.eml"]


def test_only_the_owner_may_read_what_holds_addresses(tmp_path):
    list(FileTransport(tmp_path).send([Letter()]))
    assert (tmp_path / "2026-10-000007.eml").stat().st_mode & 0o077 == 0


def test_check_makes_the_folder_and_leaves_nothing_in_it(tmp_path):
    folder = tmp_path / "var" / "outbox"
    FileTransport(folder).check()
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_check_refuses_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "outbox").write_text("")
    with pytest.raises(TransportUnavailable, match=f"^Cannot write to {tmp_path}/outbox: file exists; "):
        FileTransport(tmp_path / "outbox").check()


def test_check_refuses_a_folder_below_a_file(tmp_path):
    (tmp_path / "var").write_text("")
    with pytest.raises(TransportUnavailable, match=r"^Cannot write to .*/var/outbox: not a directory; "):
        FileTransport(tmp_path / "var" / "outbox").check()


def test_check_refuses_a_folder_that_may_not_be_written_to(tmp_path, monkeypatch):
    def refused(**arguments):  # the mode of a folder would not stop root
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    with pytest.raises(TransportUnavailable, match="permission denied"):
        FileTransport(tmp_path).check()


def test_check_refuses_a_file_system_that_takes_no_files():
    with pytest.raises(TransportUnavailable, match=r"^Cannot write to /proc/ihop: "):
        FileTransport(Path("/proc/ihop")).check()


def test_a_full_disk_stops_before_the_message_counts_as_sent(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    transport = FileTransport(tmp_path)
    outcomes = transport.send([Letter(delivery=1), Letter(delivery=2)])
    assert next(outcomes).result == Result.SENT
    monkeypatch.setattr("newsletter.transports.file.os.replace", full)
    with pytest.raises(TransportUnavailable, match="no space left on device"):
        next(outcomes)
    assert [file.name for file in tmp_path.iterdir()] == ["2026-10-000001.eml"]


def test_a_message_that_cannot_be_built_does_not_stop_the_others(tmp_path):
    broken, sent = FileTransport(tmp_path).send([BrokenLetter(delivery=1), Letter(delivery=2)])
    assert broken == Outcome(1, Result.FAILED, "cannot-build-message: ValueError")
    assert sent.result == Result.SENT
