"""The drill: a disaster in the middle of a send, with a backup that is older than what happened since."""

import json
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cms import arming
from membership import erasing, services
from membership.models import ConsentRecord, Member, Subscription, User
from newsletter import ledger
from newsletter.certificate import certify, issue_certificate, verify
from newsletter.deciding import Choice, decide
from newsletter.models import Delivery, Heartbeat, Issue, Mailing, Schedule, Throttle
from newsletter.reported import Reported, record_provider_events
from newsletter.sending import drain, start
from newsletter.steering import resume
from newsletter.ticking import run_due
from newsletter.tokens import delivery_token, token_hash
from newsletter.transports.base import TransportUnavailable
from tests import factories
from tests.newsletter.fakes import RecordingTransport, after, crowd_of, never_twice, open_mailing, raising

BOSS = "boss@example.org"


def send(issue: Issue, number: int) -> RecordingTransport:
    """Send so many, and then the provider is gone."""
    transport = RecordingTransport(after(number, raising(TransportUnavailable("The provider is gone."))))
    drain(issue, transport=transport)
    Throttle.objects.all().delete()  # or the next drain would wait for the provider
    return transport


def command(*arguments: str) -> dict:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


@pytest.fixture
def issue(db) -> Issue:
    factories.UserFactory(email=BOSS, is_superuser=True)
    return open_mailing(crowd_of(120))


def test_disaster_in_the_middle_of_a_send(issue, folder):
    # Half of it is sent, some of it in workers' hands, another issue waits for its hour, and a backup is made.
    before = send(issue, 50)
    held, marked = uuid.uuid4(), uuid.uuid4()
    ledger.claim(issue=issue.pk, attempt=held, limit=5)
    ledger.mark_sending(
        issue=issue.pk, attempt=marked, rows=ledger.claim(issue=issue.pk, attempt=marked, limit=5), provider="resend"
    )
    later = factories.issue("2026-11", live=True)
    Schedule.objects.create(issue=later, send_at=timezone.now())
    made = command("backup", str(folder), "--verify")
    assert made["verified"]

    # Life goes on: an erasure, somebody leaves, more is sent, and then the database is lost.
    waiting = list(Delivery.objects.filter(issue=issue, state="pending").select_related("member__user").order_by("-pk"))
    erased, left = waiting[0].member.user, waiting[1].member
    token = delivery_token(waiting[2].nonce)
    erasing.erase(User.objects.get(pk=erased.pk))
    services.unsubscribe(subscription=Subscription.objects.get(member=left), channel=ConsentRecord.Channel.ONE_CLICK)
    since = send(issue, 30)
    assert len(since.taken) == 30
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first()
    done = command("restore", made["path"], "--replace")

    # It comes up silent, and knows what has become of people.
    assert "put back" in arming.silence()
    assert (done["armed"], done["journal"], done["replayed"]["erased"]) == (False, True, 1)
    assert not User.objects.filter(pk=erased.pk).exists()
    assert Subscription.objects.get(member=left).state == "ended"

    # Nothing is left that could go out by itself, whatever is asked for.
    assert (done["to_decide"], done["held"]) == ({"2026-10": 70}, ["2026-11"])
    assert factories.states(issue) == {"sent": 50, "unknown": 70}
    silent = RecordingTransport()
    assert drain(issue, transport=silent).trouble
    run_due()
    with pytest.raises(CommandError, match="disarmed"):
        call_command("send_issue", "2026-11")
    command("arm_sending", "--by", BOSS, "--reason", "The drill")
    run_due()
    drain(issue, transport=silent)
    assert resume_and_drain(issue, silent) == []
    assert not Mailing.objects.filter(issue=later).exists()
    assert certify(issue).balanced

    # The link of what was sent after the backup works, and a report of the provider settles it.
    late = Delivery.objects.get(token_hash=token_hash(token))
    assert late.pk == waiting[2].pk
    gone_out = {message.delivery for message in since.taken}
    reported = sorted(gone_out)[:10]
    record_provider_events(
        Reported(provider="resend", event_type="delivered", event_id=str(pk), metadata={"delivery": pk})
        for pk in reported
    )
    assert factories.states(issue) == {"sent": 60, "unknown": 60}

    # A person reads the rest in the provider's log, and decides.
    doubtful = set(Delivery.objects.filter(issue=issue, state="unknown").values_list("pk", flat=True))
    decide(issue, Choice.TREAT_AS_SENT, reason="in the log", deliveries=sorted(doubtful & gone_out))
    decide(issue, Choice.SEND_AGAIN, reason="not in the log", deliveries=sorted(doubtful - gone_out))
    rest = RecordingTransport()
    resume_and_drain(issue, rest)
    assert never_twice(before, since, rest)
    mailed = {*before.recipients, *since.recipients, *rest.recipients}
    assert {erased.email, left.user.email} & mailed == set()
    # One was erased and has no row that could be sent; it is named, and a person ends it.
    decide(issue, Choice.TREAT_AS_SENT, reason="erased")
    run_due()
    certificate = certify(issue)
    assert (certificate.proved, certificate.states["skipped"]) == (True, 1)
    assert issue_certificate(issue)
    assert verify(issue).sealed
    assert len(mailed) == 118

    # A number that was given away after the backup is not given to anybody else.
    again = open_mailing(crowd_of(1), period="2026-12")
    assert Delivery.objects.get(issue=again, member=Member.objects.latest("pk")).pk > newest + 1_000_000


def resume_and_drain(issue: Issue, transport: RecordingTransport) -> list[str]:
    """Resume a paused issue and send whatever may go; return who got it."""
    if Mailing.objects.filter(pk=issue.pk, state="paused").exists():
        resume(issue, by=None)
    Mailing.objects.filter(pk=issue.pk, state="finished").update(state="sending")
    drain(issue, transport=transport)
    return transport.recipients


def test_unknown_ones_of_a_copy_are_not_repeated_under_their_key_either(issue, folder, settings):
    settings.EMAIL_PROVIDER = "resend"
    attempt = uuid.uuid4()
    rows = ledger.claim(issue=issue.pk, attempt=attempt, limit=5)
    ledger.mark_sending(issue=issue.pk, attempt=attempt, rows=rows, provider="resend")
    ledger.finish(attempt=attempt, state="unknown", rows=[(row.delivery, "") for row in rows], reason="lost")
    made = command("backup", str(folder))
    command("restore", made["path"], "--replace", "--journal-lost")
    command("arm_sending", "--by", BOSS, "--reason", "The drill")
    transport = RecordingTransport(name="resend")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("newsletter.repeating.LEFT_ALONE", timezone.timedelta(0))
        assert resume_and_drain(issue, transport) == []


def test_database_put_back_by_hand_catches_up_before_it_may_be_armed(issue, folder, django_db_blocker):
    """As with `pg_restore` or a cloned machine: the copy notices by itself, and holds back what had not ended."""
    send(issue, 50)
    arming.examine()
    arming.Installation.objects.update(place="elsewhere")
    transport = RecordingTransport()
    assert "copy" in drain(issue, transport=transport).trouble
    with pytest.raises(CommandError, match="replay_erasures"):
        call_command("arm_sending", "--by", BOSS, "--reason", "I think it is fine")
    journal = folder / "journal.jsonl"
    folder.mkdir()
    journal.write_text("")
    assert command("replay_erasures", "--journal", str(journal))["to_decide"] == {"2026-10": 70}
    assert command("arm_sending", "--by", BOSS, "--reason", "Checked")["against"] == []
    assert resume_and_drain(issue, transport) == []


def test_living_workers_keep_a_restore_from_starting(issue, folder):
    made = command("backup", str(folder))
    Heartbeat.objects.create(name="one", kind="worker")
    with pytest.raises(CommandError, match="are running"):
        call_command("restore", made["path"], "--replace")
    assert arming.silence() == ""


def test_disarming_stops_a_send_at_the_next_group(issue):
    def disarm_at_the_tenth(message):
        if message.delivery == tenth:
            call_command("disarm_sending", "--by", BOSS, "--reason", "Stop", "--json", stdout=StringIO())
        return after(10_000, raising(AssertionError()))(message)

    tenth = sorted(Delivery.objects.values_list("pk", flat=True))[9]
    transport = RecordingTransport(disarm_at_the_tenth)
    drain(issue, transport=transport)
    assert len(transport.taken) == 50
    assert factories.states(issue) == {"sent": 50, "pending": 70}
    with pytest.raises(Exception, match="disarmed"):
        start(issue, transport)
