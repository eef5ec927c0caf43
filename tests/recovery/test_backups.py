"""Making, verifying, keeping and putting back backups, on SQLite; PostgreSQL is in tests/services/test_recovery.py."""

import io
import json
import stat
import tarfile
import tempfile
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as chosen
from django.core.management import CommandError, call_command
from wagtail.models import ModelLogEntry

from cms import arming
from cms.models import Disarmed
from membership import journal
from membership.models import Member
from newsletter.backups import archive, databases, making, restoring
from newsletter.backups.archive import BackupError
from newsletter.backups.making import make_backup
from newsletter.backups.verifying import verify_backup
from tests import factories

MEDIA = {"documents/a.pdf": b"one", "images/ü b.png": b"\0two", "c.txt": b""}


@pytest.fixture
def installed(db, settings):
    """Some members, some media, an empty journal."""
    factories.six_members()
    for name, content in MEDIA.items():
        path = Path(settings.MEDIA_ROOT) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    path = Path(settings.ERASURE_JOURNAL)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def backup(installed, folder):
    return make_backup(f"{folder}/").path


def rewritten(path: Path, change) -> Path:
    """The same archive, with each file as `change(name, content)` says; None leaves it out."""
    to = path.with_name("rewritten.tar")
    with tarfile.open(path) as before, tarfile.open(to, "w") as after:
        for entry in before:
            content = change(entry.name, before.extractfile(entry).read())
            if content is not None:
                entry.size = len(content)
                after.addfile(entry, io.BytesIO(content))
    return to


def manifest_with(**changes):
    def change(name, content):
        return json.dumps(json.loads(content) | changes).encode() if name == "manifest.json" else content

    return change


# --- Making --------------------------------------------------------------------------------------


def test_backup_is_complete_private_and_verified(backup):
    manifest = verify_backup(backup)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == [backup.name], "nothing is left lying about"
    assert (manifest.counts["membership_member"], manifest.version) == (6, chosen.VERSION)
    assert "newsletter.0001_initial" in manifest.migrations
    assert [(part.name, part.files) for part in manifest.parts] == [
        ("database.sqlite3", 1),
        ("erasures.jsonl", 1),
        ("media/", 3),
    ]


def test_nothing_secret_of_the_settings_is_in_it(settings, installed, folder):
    settings.ADDRESS_HASH_KEY, settings.ANYMAIL = "the key of the hashes", {"API_KEY": "the key of the provider"}
    content = make_backup(f"{folder}/").path.read_bytes()
    for secret in (settings.SECRET_KEY, settings.ADDRESS_HASH_KEY, settings.ANYMAIL["API_KEY"]):
        assert secret.encode() not in content


def test_file_that_is_there_is_not_written_over(backup):
    before = backup.read_bytes()
    with pytest.raises(BackupError, match="already"):
        make_backup(str(backup))
    assert backup.read_bytes() == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_backup_that_fails_leaves_nothing(installed, folder, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(archive.Writer, "add_media", fail)
    with pytest.raises((BackupError, KeyboardInterrupt)):
        make_backup(f"{folder}/")
    assert list(folder.iterdir()) == []


def test_older_ones_of_our_own_go(installed, folder):
    folder.mkdir()
    names = [f"ihop-2026010{day}T000000Z.tar" for day in range(1, 5)]
    for name in [*names, "mine.tar", "ihop-of-the-move.tar"]:
        (folder / name).touch()
    made = make_backup(str(folder), keep=2)
    assert made.removed == 3
    assert {path.name for path in folder.iterdir()} == {made.path.name, names[-1], "mine.tar", "ihop-of-the-move.tar"}


def test_remains_of_one_that_was_killed_go(installed, folder, monkeypatch):
    (folder / ".ihop-remains").mkdir(parents=True)
    make_backup(str(folder))
    assert (folder / ".ihop-remains").exists(), "it may still be at work"
    monkeypatch.setattr(making, "LEFT_BEHIND", -1)
    make_backup(str(folder / "another.tar"))
    assert not (folder / ".ihop-remains").exists()


def test_to_standard_output_for_a_pipe(installed, tmp_path, monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out))
    call_command("backup", "-")
    (tmp_path / "piped.tar").write_bytes(out.getvalue())
    assert verify_backup(tmp_path / "piped.tar").counts["membership_member"] == 6


def test_none_of_it_needs_room_where_everybody_puts_what_is_temporary(installed, tmp_path, monkeypatch):
    """In a container that is memory, and a dump may be larger."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out))
    call_command("backup", "-")
    (tmp_path / "piped.tar").write_bytes(out.getvalue())
    monkeypatch.setattr("os.access", lambda *_: False)  # the folder of the archive may only be read
    assert verify_backup(tmp_path / "piped.tar").counts["membership_member"] == 6
    assert not list(Path(chosen.VAR_DIR).glob(".ihop-*")), "nothing is left lying about"


# --- Verifying -----------------------------------------------------------------------------------


def flip(name, content):
    return b"X" + content[1:] if name == "media/documents/a.pdf" else content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (flip, "damaged"),
        (lambda name, content: None if name == "manifest.json" else content, "no manifest"),
        (lambda name, content: None if name == "erasures.jsonl" else content, "damaged"),
        (lambda name, content: b"{" if name == "manifest.json" else content, "cannot be read"),
        (manifest_with(format=99), "another version"),
        (manifest_with(counts={"membership_member": 7}), "is not what was backed up"),
    ],
)
def test_archive_that_is_not_what_was_made(backup, change, words):
    with pytest.raises(CommandError, match=words):
        call_command("verify_backup", rewritten(backup, change))


def test_archive_cut_short(backup):
    backup.write_bytes(backup.read_bytes()[:-20_000])
    with pytest.raises(BackupError):
        verify_backup(backup)


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100])
def test_file_that_is_no_archive(db, tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(BackupError, match=r"x\.tar"):
        verify_backup(tmp_path / "x.tar")


def test_name_that_leads_elsewhere_is_refused(backup):
    bad = backup.with_name("bad.tar")
    with tarfile.open(bad, "w") as tar:
        tar.addfile(tarfile.TarInfo("media/../../outside"), io.BytesIO())
    with pytest.raises(BackupError, match="no plain file"):
        verify_backup(bad)


# --- Restoring -----------------------------------------------------------------------------------


def test_database_and_media_come_back_and_what_came_later_stays(backup, settings):
    root = Path(settings.MEDIA_ROOT)
    (root / "documents/a.pdf").write_bytes(b"altered")
    (root / "c.txt").unlink()
    (root / "later.txt").write_bytes(b"later")
    factories.subscription("later@example.org")
    restoring.restore(backup, replace=True)
    assert {name: (root / name).read_bytes() for name in MEDIA} == MEDIA
    assert sorted(path.name for path in root.iterdir()) == ["c.txt", "documents", "images", "later.txt"]
    assert Member.objects.count() == 6
    assert (Disarmed.objects.get().behind, "put back" in arming.silence()) == (False, True)


def test_database_that_holds_members_is_kept(backup):
    factories.subscription("later@example.org")
    with pytest.raises(BackupError, match="--replace"):
        restoring.restore(backup)
    assert Member.objects.count() == 7
    assert arming.silence() == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (manifest_with(database="postgresql"), "DATABASE_URL"),
        (manifest_with(migrations=["cms.9999_from_the_future"], version="9.9"), "version 9.9"),
        (manifest_with(key="another"), "ADDRESS_HASH_KEY"),
    ],
)
def test_backup_that_does_not_belong_here(backup, change, words):
    with pytest.raises(BackupError, match=words):
        restoring.restore(rewritten(backup, change), replace=True)
    assert arming.silence() == ""


def test_killed_before_the_database_is_replaced_nothing_has_happened(backup, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    factories.subscription("later@example.org")
    monkeypatch.setattr(databases.sqlite, "put_back", killed)
    with pytest.raises(KeyboardInterrupt):
        restoring.restore(backup, replace=True)
    assert Member.objects.count() == 7
    assert arming.silence() == ""


@pytest.mark.parametrize("place", ["_migrate", "_put_media", "catch_up"])
def test_killed_later_it_is_silent_says_so_and_can_be_done_again(backup, monkeypatch, place):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restoring, place, killed)
        with pytest.raises(KeyboardInterrupt):
            restoring.restore(backup, replace=True)
    assert "not come to its end" in arming.silence()
    assert Disarmed.objects.get().behind
    restoring.restore(backup, replace=True)
    assert "not come to its end" not in arming.silence()


def test_journal_of_the_backup_is_joined_to_the_one_outside(backup, installed):
    older = journal.Entry("aa", "erased", "2026-01-01T00:00:00+00:00")
    newer = journal.Entry("bb", "left", "2026-02-01T00:00:00+00:00")
    installed.unlink()
    journal.append([older])
    made = make_backup(str(backup.with_name("second.tar"))).path
    installed.unlink()
    journal.append([newer])
    done = restoring.restore(made, replace=True)
    entries = journal.read().entries
    assert entries[:2] == [older, newer]
    assert done.caught_up.replayed.entries == 3, "and the suppression that the journal did not know"


def test_without_a_journal_outside_it_stays_behind(backup, installed):
    installed.unlink()
    assert not restoring.restore(backup, replace=True).journal
    assert Disarmed.objects.get().behind
    restoring.restore(backup, replace=True, journal_lost=True)
    assert not Disarmed.objects.get().behind


# --- Arming --------------------------------------------------------------------------------------


def test_arming_is_answered_for_and_kept(installed):
    boss = factories.UserFactory(email="boss@example.org", is_superuser=True)
    arming.disarm("restored.", behind=True)
    with pytest.raises(CommandError, match="replay_erasures"):
        call_command("arm_sending", "--by", boss.email, "--reason", "Checked")
    out = StringIO()
    call_command("arm_sending", "--by", boss.email, "--reason", "No journal", "--force", "--json", stdout=out)
    assert json.loads(out.getvalue())["armed"] is True
    noted = ModelLogEntry.objects.get(action="newsletter.arm")
    assert (noted.user, noted.data["reason"], len(noted.data["against"])) == (boss, "No journal", 1)
    assert arming.silence() == ""


def test_arming_takes_somebody_who_works_here_and_a_reason(installed):
    boss = factories.UserFactory(email="boss@example.org", is_superuser=True)
    with pytest.raises(CommandError, match="works in the admin"):
        call_command("arm_sending", "--by", "ada@example.org", "--reason", "Checked")
    with pytest.raises(CommandError, match="Say why"):
        call_command("arm_sending", "--by", boss.email, "--reason", " ")
