"""The journal of erasures, and what replaying it does to a restored backup."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from cms.addresses import address_hash
from membership import erasing, journal, services
from membership.ending import end_all
from membership.models import ConsentRecord, Member, Subscription, Suppression, User
from membership.replaying import replay
from tests import factories

pytestmark = pytest.mark.django_db
Channel, Reason = ConsentRecord.Channel, Suppression.Reason


@pytest.fixture(autouse=True)
def path(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "elsewhere" / "erasures.jsonl")
    return Path(settings.ERASURE_JOURNAL)


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def restored(email="sam@example.org", days=10, **fields):
    """A member as an older backup brings them back."""
    one = factories.subscription(email, **fields)
    ago = timezone.now() - timedelta(days=days)
    User.objects.filter(pk=one.member.user_id).update(date_joined=ago)
    Subscription.objects.filter(pk=one.pk).update(confirmed_at=ago)
    return Subscription.objects.select_related("member__user").get(pk=one.pk)


def reasons():
    return [entry.reason for entry in journal.read().entries]


# --- Writing -------------------------------------------------------------------------------------


def test_erasure_is_written_with_hash_reason_and_time_only(commit, path):
    one = restored()
    with commit():
        erasing.erase(one.member.user)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [set(line) for line in lines] == [{"hash", "reason", "at"}] * 2
    assert {line["reason"]: line["hash"] for line in lines}["erased"] == address_hash("sam@example.org")
    assert "sam" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_suppressing_and_lifting_are_written(commit):
    one = restored(state="ended")
    with commit():
        services.suppress(address_hash=one.member.user.address_hash, reason=Reason.REQUESTED)
        services.suppress(address_hash=one.member.user.address_hash, reason=Reason.BOUNCED)
    with commit():
        services.confirm(subscription=one)
    assert sorted(reasons()) == ["lifted", "requested", "returned"]


def test_leaving_is_written_by_whatever_way(commit):
    one, other = restored(), restored("eve@example.org")
    with commit():
        services.unsubscribe(subscription=one, channel=Channel.ONE_CLICK)
    with commit():
        end_all([one, other], channel=Channel.YEARLY, at=timezone.now())
    assert reasons() == ["left", "left"]


def test_nothing_is_written_when_the_transaction_fails(commit, path):
    one = restored()
    with commit(), transaction.atomic():
        erasing.erase(one.member.user)
        transaction.set_rollback(True)
    assert not path.exists()
    assert Member.objects.exists()


def test_disk_that_is_full_does_not_undo_an_erasure_and_the_gap_is_filled(commit, settings, path):
    one = restored()
    settings.ERASURE_JOURNAL = "/proc/no/such/place.jsonl"
    with commit():
        erasing.erase(one.member.user)
    assert not User.objects.exists()
    settings.ERASURE_JOURNAL = str(path)
    assert journal.catch_up() == 1
    assert journal.catch_up() == 0
    assert reasons() == ["erased"]


def test_line_cut_short_by_a_crash_harms_no_other(path):
    path.parent.mkdir()
    path.write_text('{"hash": "aa", "reas')
    journal.append([journal.Entry("bb", "erased", timezone.now().isoformat())])
    found = journal.read()
    assert ([entry.hash for entry in found.entries], found.unreadable) == (["bb"], [1])


@pytest.mark.parametrize(
    "line",
    ["[]", "null", "1", '{"hash": 1}', '{"hash": "a", "reason": "x", "at": "2026-01-01T00:00:00+00:00"}', "\x00"],
)
def test_rubbish_is_counted_and_passed_over(path, line):
    path.parent.mkdir()
    path.write_text(line + "\n")
    assert journal.read().unreadable == [1]


# --- Replaying -----------------------------------------------------------------------------------


def erased_since_backup(commit, email="sam@example.org"):
    """Erase somebody, and bring them back as the backup does: the same account."""
    one = restored(email)
    user = User.objects.get(pk=one.member.user_id)
    pk, joined = user.pk, user.date_joined
    with commit():
        erasing.erase(user)
    Suppression.objects.all().delete()
    return pk, joined


def test_whoever_was_erased_is_erased_again(commit, mailoutbox):
    erased_since_backup(commit)
    mailoutbox.clear()
    restored()
    with commit():
        done = replay()
    assert (done.erased, done.suppressed, done.refused) == (1, 1, [])
    assert not Member.objects.exists()
    assert Suppression.objects.get().reason == "erased"
    assert mailoutbox == []


def test_second_replay_does_nothing(commit):
    erased_since_backup(commit)
    restored()
    with commit():
        replay()
    with commit():
        again = replay()
    assert (again.erased, again.suppressed, again.ended) == (0, 0, 0)


def test_account_is_known_again_under_its_earlier_address(commit):
    """They changed their address after the backup and were then erased."""
    pk, joined = erased_since_backup(commit, "new@example.org")
    old = factories.UserFactory(pk=pk, email="old@example.org", date_joined=joined)
    Member.objects.create(user=old)
    other = factories.UserFactory(email="other@example.org", date_joined=joined)
    with commit():
        assert replay().erased == 1
    assert list(User.objects.all()) == [other]


def test_whoever_came_back_after_the_erasure_stays(commit):
    """The backup is younger than their return."""
    journal.append(
        [
            journal.Entry(address_hash("sam@example.org"), "erased", (timezone.now() - timedelta(days=5)).isoformat()),
            journal.Entry(address_hash("sam@example.org"), "lifted", (timezone.now() - timedelta(days=4)).isoformat()),
        ]
    )
    one = restored(days=4)
    with commit():
        done = replay()
    assert (done.erased, done.suppressed) == (0, 0)
    assert list(Subscription.objects.entitled()) == [one]


def test_suppressions_come_back_with_reason_and_day(commit):
    one = restored()
    with commit():
        services.suppress(address_hash=one.member.user.address_hash, reason=Reason.COMPLAINED)
    since = Suppression.objects.get().since
    Suppression.objects.all().delete()  # without the signal's commit: as in a restored copy
    with commit():
        assert replay().suppressed == 1
    left = Suppression.objects.get()
    assert (left.reason, left.since) == ("complained", since)
    assert Member.objects.exists()


def test_whoever_left_since_is_ended_again(commit):
    gone, stays = restored("gone@example.org"), restored("stays@example.org")
    for one in (gone, stays):
        with commit():
            services.unsubscribe(subscription=one, channel=Channel.ONE_CLICK)
    with commit():
        services.undo_leaving(subscription=stays)
    Subscription.objects.update(state="active", ended_at=None)  # the backup
    with commit():
        assert replay().ended == 1
    assert list(Subscription.objects.active()) == [stays]


def test_editor_is_refused_and_named(commit):
    erased_since_backup(commit)
    one = restored()
    User.objects.update(is_superuser=True)
    with commit():
        assert replay().refused == [one.member.user_id]


def test_command(commit, path, settings):
    erased_since_backup(commit)
    restored()
    kept = path.rename(path.parent / "copy.jsonl")
    with pytest.raises(CommandError, match="no journal"):
        call_command("replay_erasures")
    out = StringIO()
    with commit():
        call_command("replay_erasures", "--journal", str(kept), "--json", stdout=out)
    assert json.loads(out.getvalue().strip().splitlines()[-1])["erased"] == 1


def test_runbook_tells_the_way():
    text = Path("docs/runbook.md").read_text()
    section = text.split("## After restoring a backup")[1]
    steps = ["manage.py restore", "disarmed", "--journal", "certify_issue", "manage.py arm_sending"]
    places = [section.index(step) for step in steps]
    assert places == sorted(places)
