"""How long membership keeps what: one test per rule, the daily run, and the document that explains them."""

import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms.addresses import address_hash
from membership import retention, services
from membership.models import Complaint, ConsentRecord, Member, Subscription, Suppression, User
from newsletter import daily
from tests import factories

pytestmark = pytest.mark.django_db
State = Subscription.State
YEAR_AND_MORE = timedelta(days=400)


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")


def ago(**fields):
    return timezone.now() - timedelta(**fields)


def apply(name):
    """Run one rule to its end; return how many it ended."""
    (rule,) = [rule for rule in daily.RULES if rule.name == name]
    return sum(rule.batches())


def waiting(days, email=""):
    return factories.subscription(email, state=State.PENDING, asked_at=ago(days=days))


def left(days, email="", **user):
    one = factories.subscription(email, state=State.ENDED)
    Subscription.objects.filter(pk=one.pk).update(ended_at=ago(days=days))
    User.objects.filter(pk=one.member.user_id).update(**user)
    return one


# --- Sign-ups that nobody confirmed --------------------------------------------------------------


def test_unconfirmed_sign_up_goes_within_thirty_days(mailoutbox):
    waiting(29.5, "old@example.org")
    kept = waiting(28, "young@example.org")
    assert apply("unconfirmed") == 1
    assert list(Subscription.objects.all()) == [kept]
    assert not User.objects.filter(email="old@example.org").exists()
    assert not Suppression.objects.exists(), "they never asked not to be mailed"
    assert mailoutbox == []


def test_its_consent_records_go_with_it(join):
    one = join("old@example.org", track_opens=True)
    Subscription.objects.filter(pk=one.pk).update(asked_at=ago(days=40))
    assert ConsentRecord.objects.count() == 2
    assert apply("unconfirmed") == 1
    assert not ConsentRecord.objects.exists()
    assert not EmailAddress.objects.exists()


@pytest.mark.parametrize("state", [State.ACTIVE, State.PAUSED, State.ENDED])
def test_whoever_confirmed_is_no_unconfirmed_sign_up(state):
    factories.subscription(state=state, asked_at=ago(days=500))
    assert apply("unconfirmed") == 0


def test_editor_keeps_their_account_and_holds_up_nobody():
    editor = waiting(40)
    editor.member.user.groups.add(Group.objects.get(name="Author"))
    waiting(40)
    assert apply("unconfirmed") == 1
    assert [one.pk for one in Subscription.objects.all()] == [editor.pk]


def test_unused_link_to_come_back_stops_working():
    one = left(100)
    services.join(email=one.member.user.email, sectors=[], region=None)
    Subscription.objects.update(asked_at=ago(days=28))
    assert apply("confirmation_links") == 0
    Subscription.objects.update(asked_at=ago(days=30))
    assert apply("confirmation_links") == 1
    assert Subscription.objects.get().confirmation_hash == ""


# --- People who left -----------------------------------------------------------------------------


def test_whoever_left_long_ago_is_erased(mailoutbox):
    left(400, "gone@example.org")
    kept = left(300)
    assert apply("ended") == 1
    assert list(Member.objects.all()) == [kept.member]
    assert Suppression.objects.get().address_hash == address_hash("gone@example.org")
    assert mailoutbox == [], "whoever left is not written to"


def test_account_that_is_used_stays():
    left(400, last_login=ago(days=100))
    visited = left(400)
    Member.objects.filter(pk=visited.member_id).update(last_visit_at=ago(days=100))
    assert apply("ended") == 0


def test_account_that_was_used_long_ago_goes():
    one = left(400, last_login=ago(days=399))
    Member.objects.filter(pk=one.member_id).update(last_visit_at=ago(days=399))
    assert apply("ended") == 1


def test_mailbox_that_is_long_dead_ends_the_subscription():
    dead = factories.subscription(suppressed=True)
    fresh = factories.subscription(suppressed=True)
    Suppression.objects.filter(address_hash=dead.member.user.address_hash).update(since=ago(days=100))
    assert apply("unreachable") == 1
    assert apply("unreachable") == 0
    dead.refresh_from_db()
    fresh.refresh_from_db()
    assert (dead.state, fresh.state) == (State.ENDED, State.ACTIVE)
    record = ConsentRecord.objects.get()
    assert (record.member, record.act, record.channel) == (dead.member, "withdrawn", "provider")


# --- The rest ------------------------------------------------------------------------------------


def test_complaints_go_two_years_after_closing():
    for reference, closed in (("C-OPEN", None), ("C-NEW", ago(days=700)), ("C-OLD", ago(days=740))):
        Complaint.objects.create(
            reference=reference, email="x@example.org", text="x", received_at=ago(days=900), closed_at=closed
        )
    assert apply("complaints") == 1
    assert {one.reference for one in Complaint.objects.all()} == {"C-OPEN", "C-NEW"}


def test_old_log_entries_about_members_go_and_others_stay():
    member = factories.subscription().member
    for one in (member, factories.sector("health")):
        ModelLogEntry.objects.log_action(one, "wagtail.edit", timestamp=timezone.now() - YEAR_AND_MORE)
        ModelLogEntry.objects.log_action(one, "wagtail.edit")
    assert apply("log_entries") == 1
    assert ModelLogEntry.objects.for_instance(member).count() == 1
    assert ModelLogEntry.objects.count() == 3


def test_expired_sessions_go():
    for days in (-1, 1):
        store = SessionStore()
        store.create()
        Session.objects.filter(session_key=store.session_key).update(expire_date=timezone.now() + timedelta(days=days))
    assert apply("sessions") == 1
    assert Session.objects.get().expire_date > timezone.now()


def test_new_address_that_nobody_confirmed_goes():
    user = factories.UserFactory(email="sam@example.org", last_login=ago(days=40))
    EmailAddress.objects.create(user=user, email="sam@example.org", primary=True, verified=False)
    EmailAddress.objects.create(user=user, email="typo@example.org", verified=False)
    EmailAddress.objects.create(user=user, email="second@example.org", verified=True)
    fresh = factories.UserFactory(email="eve@example.org", last_login=ago(days=3))
    EmailAddress.objects.create(user=fresh, email="new@example.org", verified=False)
    assert apply("unverified_addresses") == 1
    assert not EmailAddress.objects.filter(email="typo@example.org").exists()


@pytest.mark.parametrize("name", ["unconfirmed", "ended"])
def test_as_many_queries_for_thirty_as_for_three(name):
    def queries(count):
        for _ in range(count):
            waiting(100) if name == "unconfirmed" else left(500)
        with CaptureQueriesContext(connection) as captured:
            assert apply(name) == count
        return len(captured)

    queries(3)
    assert queries(30) == queries(3)


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        waiting(100)
    (rule,) = [rule for rule in retention.RULES if rule.name == "unconfirmed"]
    assert list(rule.batches()) == [2, 2, 1]


# --- The daily run -------------------------------------------------------------------------------


def test_daily_run_does_all_of_it_once_a_day():
    waiting(100)
    assert daily.is_due()
    done = daily.run()
    assert done.retention == {"unconfirmed": 1}
    assert not daily.is_due()
    assert not daily.is_due(daily.OFTEN)
    ModelLogEntry.objects.filter(action=daily.DONE).update(timestamp=ago(hours=21))
    assert daily.is_due(daily.OFTEN)
    assert not daily.is_due()
    ModelLogEntry.objects.filter(action=daily.DONE).update(timestamp=ago(days=6))
    assert daily.is_due(), "a missed day is made up for"


def test_daily_run_may_be_run_again():
    waiting(100)
    daily.run()
    assert daily.run().retention == {}


def test_run_that_stops_half_way_is_not_noted_as_done(monkeypatch):
    monkeypatch.setattr(daily, "SECONDS", -1)
    waiting(100)
    assert daily.run().left
    assert daily.is_due()


def test_log_holds_counts_only(caplog):
    waiting(100, "secret@example.org")
    left(500, "hidden@example.org")
    with caplog.at_level(logging.INFO):
        daily.run()
    assert "unconfirmed" in caplog.text
    for word in ("secret", "hidden", "example.org"):
        assert word not in caplog.text
    assert "example" not in str(ModelLogEntry.objects.get(action=daily.DONE).data)


# --- The document --------------------------------------------------------------------------------

DOCUMENT = Path("docs/data-retention.md").read_text()


def test_every_rule_is_in_the_document():
    for rule in daily.RULES:
        assert f"`{rule.name}`" in DOCUMENT


def test_every_rule_the_document_names_exists():
    rows = [line.split("|") for line in DOCUMENT.splitlines() if line.startswith("| ")][1:]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[-2])}
    assert named == {rule.name for rule in daily.RULES}


def test_every_row_says_why_how_long_and_what_deletes_it():
    rows = [line.strip("| ").split(" | ") for line in DOCUMENT.splitlines() if line.startswith("| ")]
    assert len(rows) > 15
    assert all(len(row) == 5 and all(row) for row in rows)


def test_every_table_about_people_is_in_the_document():
    ours = {
        model._meta.label for app in ("membership", "newsletter") for model in apps.get_app_config(app).get_models()
    }
    others = {
        relation.related_model._meta.label
        for relation in User._meta.related_objects
        if relation.related_model._meta.app_label in {"account", "mfa", "usersessions"}
    }
    kept = {"sessions.Session", "account.EmailConfirmation", "wagtailcore.ModelLogEntry"}
    missing = {label for label in ours | others | kept if f"`{label}`" not in DOCUMENT}
    assert not missing
