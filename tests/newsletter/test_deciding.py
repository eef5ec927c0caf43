"""An operator's decision settles unknown rows only, is audited, and no revived worker undoes it."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageLogEntry

from membership.models import Member, User
from newsletter import deciding, ledger
from newsletter.certificate import certify, issue_certificate, verify
from newsletter.compiling import IssueError
from newsletter.deciding import Choice, decide
from newsletter.models import Delivery, Issue, Mailing
from tests import factories
from tests.newsletter.fakes import crowd_of, erase, expire_leases, open_mailing, set_mailing
from tests.newsletter.moves import A, B, claim, finish, mark

pytestmark = pytest.mark.django_db
SENT, AGAIN = Choice.TREAT_AS_SENT, Choice.SEND_AGAIN


def in_doubt(size: int = 6, unknown: int = 4, period: str = "2026-10") -> tuple[Issue, ledger.Marked]:
    """An issue that has ended: some sent, the others in the hands of a worker that stopped."""
    issue = open_mailing(crowd_of(size)[:size], period=period)
    finish(mark(issue, B, limit=size - unknown), B)
    marked = mark(issue, A, limit=unknown)
    expire_leases(issue)
    ledger.reap_sending(issue=issue.pk)
    assert ledger.finish_mailing(issue=issue.pk)
    return issue, marked


@pytest.fixture
def issue(db) -> Issue:
    return in_doubt()[0]


@pytest.fixture
def ada(db) -> User:
    return factories.UserFactory(is_superuser=True)


def unknown() -> list[int]:
    return list(Delivery.objects.filter(state="unknown").order_by("pk").values_list("pk", flat=True))


class TestTreatAsSent:
    def test_all_of_them_with_the_reason(self, issue, ada):
        pks = unknown()
        assert decide(issue, SENT, reason="the provider's log shows them", by=ada).count == 4
        assert set(Delivery.objects.filter(pk__in=pks).values_list("state", "reason")) == {
            ("sent", "decided: the provider's log shows them")
        }
        assert Mailing.objects.get().state == "finished"
        assert certify(issue).proved

    def test_only_those_named_and_only_if_unknown(self, issue):
        first, *others = unknown()
        sent = Delivery.objects.filter(state="sent").first()
        assert decide(issue, SENT, reason="seen", deliveries=[first, sent.pk, 10**9]).count == 1
        assert unknown() == others
        sent.refresh_from_db()
        assert sent.reason == ""

    def test_revived_worker_changes_nothing(self):
        issue, marked = in_doubt()
        decide(issue, SENT, reason="seen")
        assert finish(marked, A, state="failed", reason="refused") == 0
        assert factories.states(issue) == {"sent": 6}

    def test_seal_holds_and_tells_them_apart(self, issue):
        issue_certificate(issue)
        pks = unknown()
        decide(issue, SENT, reason="seen")
        seal = verify(issue)
        assert seal.sealed is True
        assert [(one.delivery, one.reason) for one in seal.settled] == [(pk, "decided: seen") for pk in pks]

    def test_works_on_a_cancelled_mailing(self, issue):
        set_mailing(issue, "cancelled")
        assert decide(issue, SENT, reason="seen").count == 4


class TestSendAgain:
    def test_opens_the_mailing_again_and_each_is_sent_once_more(self, issue):
        pks = unknown()
        assert decide(issue, AGAIN, reason="the provider's log does not show them").count == 4
        assert Mailing.objects.get().state == "sending"
        assert Mailing.objects.get().is_out  # it has come to its end once: it stays in the archive meanwhile
        assert list(Delivery.objects.filter(state="pending").order_by("pk").values_list("pk", flat=True)) == pks
        again = mark(issue, B)
        assert [row.delivery for row in again.ready] == pks
        assert finish(again, B) == 4
        assert factories.states(issue) == {"sent": 6}
        assert ledger.finish_mailing(issue=issue.pk)

    def test_revived_worker_has_no_say_any_more(self):
        issue, marked = in_doubt()
        decide(issue, AGAIN, reason="not seen")
        assert finish(marked, A) == 0
        taken = claim(issue, B)
        assert finish(marked, A) == 0
        assert ledger.release(attempt=A, deliveries=[row.delivery for row in marked.ready]) == 0
        assert len(ledger.mark_sending(issue=issue.pk, attempt=B, rows=taken).ready) == 4
        assert finish(marked, A, state="failed", reason="late") == 0

    @pytest.mark.parametrize("state", ["sending", "paused"])
    def test_open_mailing_stays_as_it_is(self, issue, state):
        set_mailing(issue, state)
        decide(issue, AGAIN, reason="not seen")
        assert Mailing.objects.get().state == state

    def test_cancelled_mailing_sends_nothing_again(self, issue):
        set_mailing(issue, "cancelled")
        with pytest.raises(IssueError, match="cancelled"):
            decide(issue, AGAIN, reason="not seen")
        assert len(unknown()) == 4

    def test_whoever_was_erased_is_passed_over(self, issue):
        gone = Delivery.objects.filter(state="unknown").select_related("member__subscription").first()
        erase(gone.member.subscription)
        done = decide(issue, AGAIN, reason="not seen")
        assert (done.count, done.gone) == (3, 1)
        assert unknown() == [gone.pk]
        with pytest.raises(IssueError, match="no member any more"):
            decide(issue, AGAIN, reason="not seen")

    def test_whoever_left_meanwhile_is_skipped_after_all(self, issue):
        Member.objects.get(deliveries=unknown()[0]).subscription.delete()
        decide(issue, AGAIN, reason="not seen")
        assert len(mark(issue, B).ready) == 3


class TestEveryDecision:
    @pytest.mark.parametrize("choice", Choice)
    def test_is_written_into_the_history(self, issue, ada, choice):
        pks = unknown()
        decide(issue, choice, reason="asked  the\nprovider", by=ada, deliveries=pks[:3])
        entry = PageLogEntry.objects.get(page=issue.pk, action="newsletter.decide")
        assert entry.user == ada
        assert entry.data == {
            "choice": choice.value,
            "reason": "asked the provider",
            "count": 3,
            "deliveries": pks[:3],
        }
        assert entry.message == f"3 unknown deliveries: {choice.value} (asked the provider)"

    @pytest.mark.parametrize("choice", Choice)
    @pytest.mark.parametrize("reason", ["", "  \n"])
    def test_needs_a_reason(self, issue, choice, reason):
        with pytest.raises(IssueError, match="Say why"):
            decide(issue, choice, reason=reason)
        assert len(unknown()) == 4

    @pytest.mark.parametrize("choice", Choice)
    def test_nothing_unknown_is_said_and_leaves_no_trace(self, choice):
        issue, _ = in_doubt(unknown=0)
        with pytest.raises(IssueError, match="Nothing to decide"):
            decide(issue, choice, reason="seen")
        assert not PageLogEntry.objects.filter(action="newsletter.decide").exists()
        assert Mailing.objects.get().state == "finished"

    @pytest.mark.parametrize("choice", Choice)
    def test_another_issue_is_left_alone(self, issue, choice):
        other, _ = in_doubt(period="2026-11")
        decide(issue, choice, reason="seen")
        assert Delivery.objects.filter(issue=other, state="unknown").count() == 4
        assert Mailing.objects.get(issue=other).state == "finished"

    @pytest.mark.parametrize("choice", Choice)
    def test_statements_grow_with_batches_and_not_with_rows(self, choice, monkeypatch):
        def statements(issue: Issue) -> int:
            with CaptureQueriesContext(connection) as captured:
                decide(issue, choice, reason="seen")
            return len(captured)

        decide(in_doubt(2, 2)[0], choice, reason="fills Wagtail's caches")
        few, many = in_doubt(4, 3, "2026-11")[0], in_doubt(60, 50, "2026-12")[0]
        count = statements(few)
        assert statements(many) == count
        monkeypatch.setattr(deciding, "AT_ONCE", 10)
        assert statements(in_doubt(60, 50, "2027-01")[0]) == count + 4


class TestCommand:
    def run(self, capsys, *arguments: str) -> dict:
        call_command("decide", "2026-10", *arguments, "--json")
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    def test_says_how_many(self, issue, ada, capsys, django_capture_on_commit_callbacks):
        first, second, *_ = unknown()
        found = self.run(
            capsys, "--treat-as-sent", "--reason", "seen", "--by", ada.email, "--delivery", str(first), str(second)
        )
        assert found == {"issue": "2026-10", "choice": "treat-as-sent", "decided": 2, "gone": 0}
        with django_capture_on_commit_callbacks() as told:
            assert self.run(capsys, "--send-again", "--reason", "not seen")["decided"] == 2
        assert len(told) == 1, "the workers"
        assert unknown() == []

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--reason", "seen"],
            ["--treat-as-sent", "--send-again", "--reason", "seen"],
            ["--treat-as-sent"],
            ["--treat-as-sent", "--reason", " "],
            ["--treat-as-sent", "--reason", "seen", "--delivery", "first"],
            ["--treat-as-sent", "--reason", "seen", "--delivery", "0"],
            ["--treat-as-sent", "--reason", "seen", "--by", "nobody@example.org"],
        ],
        ids=" ".join,
    )
    def test_what_cannot_be_done_changes_nothing(self, issue, arguments):
        with pytest.raises(CommandError) as caught:
            call_command("decide", "2026-10", *arguments)
        assert len(str(caught.value).splitlines()) == 1
        assert len(unknown()) == 4

    def test_members_cannot_be_named_as_the_one_who_decides(self, issue):
        member = Member.objects.select_related("user").first()
        with pytest.raises(CommandError, match="works in the admin"):
            call_command("decide", "2026-10", "--treat-as-sent", "--reason", "seen", "--by", member.user.email)
