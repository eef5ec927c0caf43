"""The operator's commands: their JSON, their one-line errors and their exit codes (design.md)."""

import io
import json
import os
import sqlite3
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from membership.models import Subscription
from newsletter.certificate import issue_certificate
from newsletter.models import Delivery, Issue, Mailing
from newsletter.site import APPROVERS_GROUP
from tests import factories
from tests.newsletter.fakes import open_mailing

CERTIFICATE = [
    "issue",
    "frozen",
    "pending",
    "claimed",
    "sending",
    "sent",
    "retry_wait",
    "failed",
    "skipped",
    "unknown",
    "balanced",
]


def run(*arguments: str) -> dict:
    """Run a command with --json and return the object on its last line."""
    output = io.StringIO()
    call_command(*arguments, "--json", stdout=output)
    found = json.loads(output.getvalue().splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.fixture
def approver(db):
    user = factories.UserFactory(email="approver@example.org")
    user.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return user


@pytest.fixture
def november(time_machine):
    time_machine.move_to("2026-11-02T09:00:00Z", tick=False)


class TestJson:
    def test_an_issue_from_compile_to_report(self, november, members, approver, own_outbox):
        factories.entry(title="For everyone")
        factories.entry("funding", title="Closed", deadline="2026-10-30")
        assert run("compile_issue", "--month", "2026-10") == {
            "issue": "2026-10",
            "made": True,
            "added": 1,
            "left_out": [{"title": "Closed", "reason": "closed"}],
        }
        approved = run("approve_issue", "2026-10", "--by", approver.email)
        assert (approved["issue"], approved["approved"], len(approved["acknowledged"])) == ("2026-10", True, 0)
        assert run("freeze_issue", "2026-10") == {"issue": "2026-10", "frozen": 6, "editions": 1}
        sent = run("send_issue", "2026-10", "--wait")
        assert list(sent)[: len(CERTIFICATE)] == CERTIFICATE
        assert (sent["frozen"], sent["sent"], sent["skipped"], sent["balanced"]) == (6, 4, 2, True)
        certified = run("certify_issue", "2026-10")
        assert {name: certified[name] for name in sent} == sent
        assert (certified["sealed"], certified["changed"], certified["unknown_deliveries"]) == (True, False, [])
        assert len(list(own_outbox.glob("*.eml"))) == 4
        assert run("send_issue", "2026-10", "--wait") == sent
        assert len(list(own_outbox.glob("*.eml"))) == 4
        report = run("issue_report", "2026-10")
        assert (report["issue"], report["certificate"]["sent"]) == ("2026-10", 4)
        assert [row["title"] for row in report["items"]] == ["For everyone"]

    def test_without_wait_the_workers_are_told_on_commit(self, issue, members, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as told:
            found = run("send_issue", "2026-10")
        assert (found["pending"], found["sent"]) == (4, 0)
        assert len(told) == 1
        assert Mailing.objects.get().state == Mailing.State.SENDING

    def test_empty_month_makes_no_issue(self, november, db):
        assert run("compile_issue", "--month", "2026-10") == {
            "issue": "2026-10",
            "made": False,
            "added": 0,
            "left_out": [],
        }

    @pytest.mark.parametrize("command", [["recover"], ["tick"], ["make_members", "0"], ["make_entries", "0"]])
    def test_every_other_command_prints_an_object(self, db, command):
        assert run(*command)

    def test_samples_are_counted(self, db):
        assert run("make_members", "7") == {"created": 7}
        assert run("make_members", "9") == {"created": 2}
        assert Subscription.objects.count() == 9


@pytest.mark.parametrize(
    "command",
    [
        *([name, "2026-01"] for name in ("freeze_issue", "send_issue", "certify_issue", "issue_report")),
        ["approve_issue", "2026-01", "--by", "approver@example.org"],
        ["freeze_issue", "2026-13"],
        ["send_issue", "October"],
        ["compile_issue", "--month", "2026-00"],
        ["compile_issue", "--month", "2999-01"],
        ["compile_issue", "--month", "2026-10"],  # approved already
        ["certify_issue", "2026-10"],  # not frozen yet
        ["freeze_issue", "2026-09"],  # not approved
        ["send_issue", "2026-09", "--wait"],
        ["approve_issue", "2026-09", "--by", "not an address"],
        ["approve_issue", "2026-09", "--by", "nobody@example.org"],
        ["approve_issue", "2026-09", "--by", "ada@example.org"],  # a member
        ["pause_issue", "2026-10", "--reason", "not frozen yet"],
        ["resume_issue", "2026-10"],
        ["cancel_issue", "2026-10", "--reason", "not frozen yet"],
        ["decide", "2026-10", "--treat-as-sent", "--reason", "nothing to decide"],
        ["decide", "2026-01", "--send-again", "--reason", "no such issue"],
        ["make_members", "-1"],
        ["make_entries", "-1"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_one_clear_line(issue, members, command):
    factories.issue("2026-09")
    with pytest.raises(CommandError) as caught:
        call_command(*command)
    assert caught.value.returncode == 1
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) > 20
    assert Delivery.objects.count() == 0


def test_disarmed_installation_says_so(issue, members, settings):
    settings.SENDING_ARMED = False
    with pytest.raises(CommandError, match="SENDING_ARMED"):
        call_command("send_issue", "2026-10", "--wait")
    assert Delivery.objects.count() == 0


class TestCertify:
    @pytest.fixture
    def mailed(self, db) -> Issue:
        issue = open_mailing([factories.subscription() for _ in range(3)])
        Delivery.objects.update(state="sent")
        return issue

    def certify(self) -> tuple[dict, str]:
        output = io.StringIO()
        try:
            call_command("certify_issue", "2026-10", "--json", stdout=output)
        except CommandError as error:
            return json.loads(output.getvalue().splitlines()[-1]), str(error)
        return json.loads(output.getvalue().splitlines()[-1]), ""

    def test_everybody_sent(self, mailed):
        found, trouble = self.certify()
        assert (found["sent"], found["balanced"], trouble) == (3, True, "")

    @pytest.mark.parametrize("state", ["pending", "retry_wait", "failed", "skipped"])
    def test_what_is_named_is_no_trouble(self, mailed, state):
        Delivery.objects.update(state=state, reason="test")
        found, trouble = self.certify()
        assert (found[state], trouble) == (3, "")

    def test_unknown_is_trouble_and_still_printed(self, mailed):
        Delivery.objects.filter(pk=Delivery.objects.first().pk).update(state="unknown", reason="test")
        found, trouble = self.certify()
        assert (found["unknown"], found["sent"], found["balanced"]) == (1, 2, True)
        assert "1" in trouble

    def test_counts_that_do_not_add_up_are_trouble(self, mailed):
        Delivery.objects.first().delete()
        found, trouble = self.certify()
        assert (found["frozen"], found["sent"], found["balanced"]) == (3, 2, False)
        assert "add up" in trouble

    def test_unknown_ones_are_named_and_decided(self, mailed):
        pk = Delivery.objects.first().pk
        Delivery.objects.filter(pk=pk).update(state="unknown", reason="test")
        assert self.certify()[0]["unknown_deliveries"] == [pk]
        assert run("decide", "2026-10", "--treat-as-sent", "--reason", "the provider's log shows it")["decided"] == 1
        found, trouble = self.certify()
        assert (found["sent"], found["unknown_deliveries"], trouble) == (3, [], "")

    def test_editions_add_up(self, mailed):
        Delivery.objects.filter(pk=Delivery.objects.first().pk).update(edition=None, state="skipped", reason="test")
        first, none = self.certify()[0]["editions"]
        assert (first["number"], first["total"], first["sent"]) == (1, 2, 2)
        assert (none["number"], none["total"], none["skipped"]) == (None, 1, 1)

    def test_sealed_ledger_that_was_changed_is_trouble(self, mailed):
        assert self.certify()[0]["sealed"] is None
        Mailing.objects.update(state="finished", finished_at=timezone.now())
        record = issue_certificate(mailed)
        found, trouble = self.certify()
        assert (found["sealed"], found["changed"], found["digest"], trouble) == (True, False, record.digest, "")
        Delivery.objects.filter(pk=Delivery.objects.first().pk).update(state="failed", reason="test")
        found, trouble = self.certify()
        assert (found["sealed"], found["changed"], found["balanced"]) == (False, True, True)
        assert "behind the back" in trouble


def test_certificate_on_a_terminal_draws_states_and_names_what_is_unknown(db, capsys):
    issue = open_mailing([factories.subscription() for _ in range(24)])
    first, *others = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk__in=[row.pk for row in others]).update(state="unknown", reason="no answer")
    Delivery.objects.filter(pk=first.pk).update(state="sent")
    with pytest.raises(CommandError, match="23 deliveries need a decision"):
        call_command("certify_issue", issue.period)
    text = capsys.readouterr().out
    assert "█" * 24 in text
    assert "no answer" in text
    assert "and 3 more" in text
    assert "Not sealed yet" in text


@pytest.mark.parametrize("title", ["[new] Guide", "Guide [/b] for all", "50 % [link=x]"])
def test_titles_are_shown_as_they_are(november, db, capsys, title):
    """The terminal library has a markup of its own in square brackets."""
    factories.entry("funding", title=title, deadline="2026-10-30")
    call_command("compile_issue", "--month", "2026-10")
    assert title in capsys.readouterr().out
    factories.issue("2026-10", pages=[factories.entry(title=title)])
    call_command("issue_report", "2026-10")
    assert title in capsys.readouterr().out


class TestDemo:
    def test_twice_sends_nobody_twice(self, db, own_outbox):
        first = run("demo", "--members", "20")
        mails = {path.name: path.stat().st_mtime_ns for path in own_outbox.glob("*.eml")}
        assert first["balanced"]
        assert first["sent"] == len(mails) > 5
        assert first["items"] > 5
        again = run("demo", "--members", "20")
        assert {path.name: path.stat().st_mtime_ns for path in own_outbox.glob("*.eml")} == mails
        assert again == first

    def test_no_send_leaves_a_draft(self, db, own_outbox):
        found = run("demo", "--members", "3", "--no-send")
        assert (found["state"], found["frozen"]) == ("draft", 0)
        assert Delivery.objects.count() == 0
        assert not Issue.objects.get().live
        assert not list(own_outbox.glob("*.eml"))


class TestProcess:
    """The same through `manage.py`, where exit codes and stderr are what other programs see."""

    @pytest.fixture(scope="class")
    def folder(self, django_db_setup, django_db_blocker, tmp_path_factory):
        if connection.vendor != "sqlite":
            pytest.skip("copies the migrated SQLite database")
        folder = tmp_path_factory.mktemp("var")
        with django_db_blocker.unblock():
            connection.ensure_connection()
            target = sqlite3.connect(folder / "db.sqlite3")
            connection.connection.backup(target)
            target.close()
        return folder

    def manage(self, folder, *arguments: str) -> subprocess.CompletedProcess:
        ours = {"DJANGO_SETTINGS_MODULE": "config.settings.development", "VAR_DIR": str(folder), "DATABASE_URL": ""}
        environment = {name: value for name, value in {**os.environ, **ours}.items() if value}
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=django_settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def test_error_is_one_line_on_stderr_and_exit_1(self, folder):
        done = self.manage(folder, "freeze_issue", "2026-01")
        assert done.returncode == 1
        assert done.stdout == ""
        (line,) = done.stderr.strip().splitlines()
        assert "There is no issue 2026-01" in line

    def test_wrong_usage_is_exit_2(self, folder):
        done = self.manage(folder, "freeze_issue")
        assert done.returncode == 2
        assert "ISSUE" in done.stderr

    def test_success_is_exit_0_and_json_stands_last(self, folder):
        done = self.manage(folder, "make_members", "2", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout.splitlines()[-1]) == {"created": 2}
