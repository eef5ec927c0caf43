"""Erasure: everything of a person goes, but for the keyed hash; also while an issue is being sent."""

import json
import uuid
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms.addresses import address_hash
from cms.groups import MEMBERS_GROUP
from cms.models import Kind, Message, Submission
from membership import erasing, services
from membership.models import (
    Complaint,
    ConsentRecord,
    Member,
    SavedEntry,
    SavedSearch,
    Subscription,
    Suppression,
    User,
)
from membership.replaying import replay
from newsletter import ledger
from newsletter.models import AgedToken, Delivery, Departure, Hit, ProviderEvent
from newsletter.sending import drain
from newsletter.tokens import delivery_token
from tests import factories
from tests.cms.offers import waiting
from tests.newsletter.fakes import RecordingTransport, open_mailing

pytestmark = pytest.mark.django_db
ATTEMPT = uuid.UUID(int=7)


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")
    return Path(settings.ERASURE_JOURNAL)


@pytest.fixture
def erase(django_capture_on_commit_callbacks):
    def act(subscription, **more):
        with django_capture_on_commit_callbacks(execute=True):
            return erasing.erase(subscription.member.user, **more)

    return act


@pytest.fixture
def sam(join, mailoutbox):
    """Somebody who joined, confirmed, saved things and was mailed."""
    one = join("sam@example.org", first_name="Samantha", organisation="Sample Trust", track_clicks=True)
    services.confirm(subscription=one)
    mailoutbox.clear()
    member = one.member
    SavedEntry.objects.create(member=member, entry=factories.entry())
    SavedSearch.objects.create(member=member, query="q=visits", title="Visits")
    Authenticator.objects.create(user=member.user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    ModelLogEntry.objects.log_action(member, "wagtail.edit")
    ModelLogEntry.objects.log_action(member.user, "wagtail.edit")
    return one


def everything():
    """The whole database as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [f"{table}: {row}" for row in cursor.fetchall()]
    return "\n".join(rows)


def test_nothing_is_left_but_the_hash(sam, erase, log_in):
    log_in(sam)
    open_mailing([sam])
    user, member = sam.member.user, sam.member
    assert "Samantha" in everything()
    assert erase(sam)
    for model in (Member, Subscription, ConsentRecord, SavedEntry, SavedSearch, EmailAddress, Authenticator):
        assert not model.objects.exists()
    assert not User.objects.filter(pk=user.pk).exists()
    assert not Session.objects.exists()
    assert not ModelLogEntry.objects.filter(object_id__in=[str(user.pk), str(member.pk)]).exists()
    text = everything()
    for trace in ("sam@example.org", "Samantha", "Sample Trust"):
        assert trace not in text
    (left,) = Suppression.objects.all()
    assert (left.address_hash, left.reason) == (address_hash("sam@example.org"), "erased")


def test_counts_of_what_was_sent_stay(sam, erase):
    issue = open_mailing([sam, factories.subscription()])
    delivery = Delivery.objects.get(member=sam.member)
    Delivery.objects.filter(pk=delivery.pk).update(state="sent", message_id="provider-1", token_hash="f" * 64)
    ProviderEvent.objects.create(
        delivery=delivery, provider="p", event_type="delivered", happened_at=timezone.now(), natural_key="k"
    )
    Hit.objects.create(delivery=delivery, what=Hit.What.OPEN)
    Departure.objects.create(delivery=delivery)
    AgedToken.objects.create(member=sam.member, token_hash="a" * 64)
    erase(sam)
    delivery.refresh_from_db()
    assert (delivery.member, delivery.state, delivery.message_id) == (None, "sent", "")
    assert not ProviderEvent.objects.exists()
    assert not Hit.objects.exists()
    assert not Departure.objects.exists()
    assert not AgedToken.objects.exists()
    assert sum(Delivery.objects.filter(issue=issue).by_state().values()) == 2


def test_others_lose_nothing(sam, erase, log_in):
    other = factories.subscription("eve@example.org")
    services.unsubscribe(subscription=other, channel=ConsentRecord.Channel.PREFERENCES)
    log_in(other)
    log_in(sam)
    erase(sam)
    assert list(Member.objects.all()) == [other.member]
    assert ConsentRecord.objects.filter(member=other.member).count() == 1
    assert Session.objects.count() == 1


def test_last_mail_says_so(sam, erase, mailoutbox):
    erase(sam)
    (mail,) = mailoutbox
    assert mail.to == ["sam@example.org"]
    assert "erased" in mail.subject
    assert "Hello Samantha" in mail.body


def test_second_erasure_does_nothing(sam, erase, mailoutbox):
    user = User.objects.get(pk=sam.member.user_id)
    assert erase(sam)
    assert erasing.erase(user) is False
    assert len(mailoutbox) == 1


def test_mail_that_cannot_be_sent_does_not_undo_it(sam, erase, settings):
    settings.EMAIL_BACKEND = "nowhere.Backend"
    assert erase(sam)
    assert not Member.objects.exists()


def test_reason_of_an_earlier_suppression_is_kept(sam, erase, own_journal):
    Suppression.objects.create(address_hash=sam.member.user.address_hash, reason="bounced")
    erase(sam)
    assert Suppression.objects.get().reason == "bounced"
    assert '"erased"' in own_journal.read_text()


def test_open_complaint_is_still_answered_and_a_closed_one_goes(sam, erase):
    Complaint.objects.create(reference="C-OPEN", email="sam@example.org", text="x")
    Complaint.objects.create(reference="C-DONE", email="sam@example.org", text="x", closed_at=timezone.now())
    erase(sam)
    assert [one.reference for one in Complaint.objects.all()] == ["C-OPEN"]


@pytest.mark.parametrize("way", ["superuser", "flag", "group"])
def test_staff_must_hand_in_their_rights_first(sam, way):
    user = sam.member.user
    if way == "group":
        user.groups.add(Group.objects.get(name="Author"))
    else:
        User.objects.filter(pk=user.pk).update(**{"is_superuser" if way == "superuser" else "is_staff": True})
    with pytest.raises(erasing.CannotErase, match="administrator"):
        erasing.erase(user)
    assert Member.objects.get().erased_at is None


def test_reviewer_of_a_case_study_is_kept(sam):
    factories.entry(Kind.CASE_STUDY, anonymity_checked_by=sam.member.user)
    with pytest.raises(erasing.CannotErase, match="reviewer"):
        erasing.erase(sam.member.user)


def test_whoever_was_erased_may_join_again(sam, erase, join):
    erase(sam)
    again = join("sam@example.org")
    services.confirm(subscription=again)
    assert list(Subscription.objects.entitled()) == [again]
    assert Group.objects.get(name=MEMBERS_GROUP) in again.member.user.groups.all()


def test_as_many_queries_for_twenty_as_for_two(db):
    def queries(count):
        people = [factories.subscription() for _ in range(count)]
        open_mailing(people, period=f"20{count:02}-01")
        users = [one.member.user for one in people]
        with CaptureQueriesContext(connection) as captured:
            erasing.erase_all(users)
        return len(captured)

    queries(1)
    assert queries(20) == queries(2)


# --- The page and the command --------------------------------------------------------------------


def test_erasing_by_the_page(sam, log_in, post, mailoutbox):
    browser = log_in(sam)
    Authenticator.objects.all().delete()  # otherwise it asks for the second step first
    assert browser.get("/account/erase/").status_code == 200
    wrong = post("/account/erase/", {"word": "delete"}, browser)
    assert wrong.status_code == 400
    assert "id_word_error" in wrong.content.decode()
    assert Member.objects.exists()
    done = post("/account/erase/", {"word": " Erase "}, browser)
    assert (done.status_code, done["Location"]) == (302, "/account/erased/")
    assert not Member.objects.exists()
    assert b"You are erased" in browser.get("/account/erased/").content
    assert browser.get("/account/")["Location"].startswith("/account/login/")
    assert len(mailoutbox) == 1


def test_opening_the_page_erases_nobody(sam, log_in):
    Authenticator.objects.all().delete()
    browser = log_in(sam)
    browser.get("/account/erase/?word=erase")
    browser.head("/account/erase/")
    assert Member.objects.exists()


def test_page_tells_staff_why_not(sam, log_in):
    Authenticator.objects.all().delete()
    sam.member.user.groups.add(Group.objects.get(name="Author"))
    response = log_in(sam).post("/account/erase/", {"word": "erase"})
    if response.status_code == 302:
        return  # staff are asked for a second step first, which is as good
    assert response.status_code == 400
    assert "administrator" in response.content.decode()


def test_command_erases_and_says_so(sam, mailoutbox):
    out = StringIO()
    call_command("erase_member", "Sam@example.org", "--json", stdout=out)
    assert json.loads(out.getvalue().strip().splitlines()[-1])["erased"] is True
    assert not Member.objects.exists()
    with pytest.raises(CommandError):
        call_command("erase_member", "sam@example.org")


def written(address="pat@example.org"):
    """Somebody without an account: an offer, a message and a listing they confirm."""
    waiting(email=address)
    Message.objects.create(
        reference=f"M-{Message.objects.count()}", email=address, text="Hello", received_at=timezone.now()
    )
    return factories.entry(Kind.SERVICE, contact_email=address)


def command(address):
    out = StringIO()
    call_command("erase_member", address, "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


def test_command_erases_somebody_without_an_account(db, own_journal):
    written()
    written("eve@example.org")
    out = StringIO()
    assert "pat@example.org" in everything()
    done = command(" Pat@Example.org ")
    assert done == {"account": None, "erased": True, "submissions": 1, "messages": 1, "listings": 1}
    assert "pat@example.org" not in everything()
    assert "eve@example.org" in everything()
    assert not Suppression.objects.exists(), "nobody asked not to be mailed"
    (line,) = [json.loads(one) for one in own_journal.read_text().splitlines()]
    assert (line["hash"], line["reason"]) == (address_hash("pat@example.org"), "forgotten")
    with pytest.raises(CommandError, match="There is no account with this address"):
        call_command("erase_member", "pat@example.org", stdout=out)


def test_nothing_is_erased_when_the_journal_cannot_be_written(db, settings):
    written()
    settings.ERASURE_JOURNAL = "/proc/no/such/place.jsonl"
    with pytest.raises(CommandError, match="journal"):
        command("pat@example.org")
    assert Submission.objects.exists()


def test_restored_backup_forgets_whoever_had_no_account(db):
    written()
    command("pat@example.org")
    written()
    written("eve@example.org")
    before = timezone.now() - timedelta(days=2)
    Submission.objects.update(made_at=before)
    assert replay().forgotten == 1
    assert "pat@example.org" not in everything()
    assert Submission.objects.get().email == "eve@example.org"
    assert replay().forgotten == 0


def test_restored_backup_forgets_what_an_erased_member_had_offered_before_they_joined(sam, erase):
    erase(sam)
    factories.entry(Kind.SERVICE, contact_email="Sam@example.org")
    assert replay().forgotten == 1
    assert "sam@example.org" not in everything().lower()


def test_whoever_wrote_again_after_their_erasure_is_kept(db):
    written()
    command("pat@example.org")
    waiting(email="pat@example.org")
    assert replay().forgotten == 0
    assert Submission.objects.exists()


# --- During a send -------------------------------------------------------------------------------


def states():
    return {delivery.pk: (delivery.state, delivery.reason) for delivery in Delivery.objects.all()}


def test_claimed_row_is_skipped_as_erased(sam, erase):
    issue = open_mailing([sam])
    claimed = ledger.claim(issue=issue.pk, attempt=ATTEMPT, limit=10)
    erase(sam)
    marked = ledger.mark_sending(issue=issue.pk, attempt=ATTEMPT, rows=claimed)
    assert (marked.ready, marked.skipped) == ([], 1)
    assert list(states().values()) == [("skipped", "erased")]


def test_pending_row_is_skipped_as_erased(sam, erase):
    issue = open_mailing([sam])
    erase(sam)
    transport = RecordingTransport()
    drain(issue, transport=transport)
    assert transport.taken == []
    assert list(states().values()) == [("skipped", "erased")]


def test_row_being_handed_over_is_finished_and_has_no_person(sam, erase):
    issue = open_mailing([sam])
    claimed = ledger.claim(issue=issue.pk, attempt=ATTEMPT, limit=10)
    marked = ledger.mark_sending(issue=issue.pk, attempt=ATTEMPT, rows=claimed)
    erase(sam)
    done = ledger.finish(attempt=ATTEMPT, state="sent", rows=[(marked.ready[0].delivery, "provider-1")])
    assert done == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.member, delivery.message_id) == ("sent", None, "")
    assert ledger.finish_mailing(issue=issue.pk)


def test_row_to_be_tried_again_is_not(sam, erase):
    issue = open_mailing([sam])
    claimed = ledger.claim(issue=issue.pk, attempt=ATTEMPT, limit=10)
    marked = ledger.mark_sending(issue=issue.pk, attempt=ATTEMPT, rows=claimed)
    erase(sam)
    rows = [(marked.ready[0].delivery, "")]
    ledger.finish(attempt=ATTEMPT, state="retry_wait", rows=rows, next_attempt_at=timezone.now())
    ledger.wake(issue=issue.pk)
    again = ledger.claim(issue=issue.pk, attempt=ATTEMPT, limit=10)
    assert ledger.mark_sending(issue=issue.pk, attempt=ATTEMPT, rows=again).ready == []
    assert list(states().values()) == [("skipped", "erased")]


def test_link_of_a_mail_that_has_arrived_still_answers(sam, erase, client):
    issue = open_mailing([sam])
    claimed = ledger.claim(issue=issue.pk, attempt=ATTEMPT, limit=10)
    ledger.mark_sending(issue=issue.pk, attempt=ATTEMPT, rows=claimed)
    token = delivery_token(claimed[0].nonce)
    erase(sam)
    response = client.post(f"/e-news/u/{token}/", {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    assert b"You have left" in response.content
    assert client.get(f"/e-news/p/{token}/").status_code == 404
