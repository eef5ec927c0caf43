"""The list of addresses that are never mailed: what staff see of it, and how they change it."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms.addresses import address_hash
from membership import erasing, journal, services, staff, suppressing
from membership.models import Subscription, Suppression
from membership.replaying import replay
from tests.factories import UserFactory, subscription
from tests.membership.staffing import adviser, browser, editor, officer

pytestmark = pytest.mark.django_db
Reason = Suppression.Reason
INDEX = reverse("suppressions:index")
SAM = "sam@example.org"
WHY = "The mailbox works again"


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")
    return Path(settings.ERASURE_JOURNAL)


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def suppressed(reason=Reason.BOUNCED, address=SAM, **fields):
    return Suppression.objects.create(address_hash=address_hash(address), reason=reason, **fields)


def lift_page(one):
    return reverse("suppressions:lift", args=[one.pk])


def ask(client, address=SAM, act="find"):
    return client.post(INDEX, {"address": address, "act": act})


def logged():
    return [(entry.action, entry.data) for entry in ModelLogEntry.objects.order_by("pk")]


# --- Who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [adviser, editor, browser])
def test_without_the_permission_nothing_is_seen_or_done(who):
    one, client = suppressed(), who()
    for page in (INDEX, lift_page(one)):
        assert client.get(page).status_code == 302
    ask(client, "eve@example.org", "add")
    client.post(lift_page(one), {"why": WHY})
    assert list(Suppression.objects.all()) == [one]
    assert not ModelLogEntry.objects.exists()


def test_permission_is_enough_on_its_own():
    client = browser(permissions=["manage_suppressions"])
    assert client.get(INDEX).status_code == 200
    assert reverse("members:index") not in client.get(INDEX).content.decode()


def test_permission_can_be_given_in_wagtail(admin_client):
    assert staff.LABELS[staff.SUPPRESSIONS]
    assert "Can see and change the list" in admin_client.get(reverse("wagtailusers_groups:add")).content.decode()


# --- What is shown --------------------------------------------------------------------------------


def test_counts_by_reason_with_a_chart():
    for number, reason in enumerate([Reason.BOUNCED, Reason.BOUNCED, Reason.ERASED]):
        suppressed(reason, f"person{number}@example.org")
    response = officer().get(INDEX)
    assert [(one.label, one.count) for one in response.context["counts"]] == [
        ("The mailbox does not exist", 2),
        ("Reported as spam", 0),
        ("Asked to be erased", 1),
        ("Asked never to be mailed", 0),
    ]
    assert "<svg" in response.content.decode()


def test_list_is_newest_first_in_pages_and_shows_a_piece_of_the_hash_only():
    now = timezone.now()
    for days in range(60):
        suppressed(address=f"person{days}@example.org", since=now - timedelta(days=days))
    client = officer()
    first, second = client.get(INDEX), client.get(f"{INDEX}?p=2")
    newest, oldest = address_hash("person0@example.org"), address_hash("person59@example.org")
    assert next(one.address_hash for one in first.context["page_obj"]) == newest
    assert [one.address_hash for one in second.context["page_obj"]][-1] == oldest
    assert len(second.context["page_obj"]) == 10
    text = first.content.decode()
    assert newest[:8] in text
    assert newest[:9] not in text
    assert oldest[:8] not in text


def test_number_of_queries_does_not_grow():
    client = officer()

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(INDEX).status_code == 200
        return len(captured)

    suppressed(address="first@example.org")
    queries()
    few = queries()
    for number in range(45):
        suppressed(address=f"person{number}@example.org")
    assert queries() == few


# --- Looking up and adding ------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [SAM, " Sam@EXAMPLE.org "])
def test_address_is_recognised_however_it_is_spelled(spelling):
    one = suppressed(Reason.COMPLAINED, since=timezone.now() - timedelta(days=400))
    response = ask(officer(), spelling)
    assert response.context["found"] == one
    assert "Reported as spam" in response.content.decode()
    assert f"{one.since:%Y}" in response.content.decode()


def test_looking_up_changes_nothing():
    response = ask(officer())
    assert "not on the list" in response.content.decode()
    assert not Suppression.objects.exists()
    assert not ModelLogEntry.objects.exists()


def test_malformed_address_is_refused_at_the_field():
    response = ask(officer(), "nobody at example", "add")
    assert response.status_code == 400
    assert response.context["form"].errors["address"]
    assert not Suppression.objects.exists()


def test_adding_stops_the_mail_and_is_logged_without_the_address(commit, own_journal):
    member, client = subscription(SAM), officer()
    with commit():
        response = ask(client, act="add")
    assert "never mailed from now on" in response.content.decode()
    assert member not in Subscription.objects.entitled()
    assert Suppression.objects.get().reason == Reason.REQUESTED
    assert logged() == [("membership.suppress", {"hash": address_hash(SAM)[:8], "reason": "requested"})]
    assert ModelLogEntry.objects.get().user == client.user
    assert [entry.reason for entry in journal.read().entries] == ["requested"]
    assert "sam" not in own_journal.read_text()


def test_adding_again_keeps_the_first_reason_and_logs_nothing():
    one = suppressed(Reason.COMPLAINED)
    response = ask(officer(), act="add")
    assert response.context["found"] == one
    assert Suppression.objects.get().reason == Reason.COMPLAINED
    assert not ModelLogEntry.objects.exists()


def test_complaint_takes_the_place_of_a_reason_that_staff_may_lift(commit):
    one = suppressed(Reason.BOUNCED)
    with commit():
        services.suppress(address_hash=one.address_hash, reason=Reason.COMPLAINED)
        services.suppress(address_hash=one.address_hash, reason=Reason.BOUNCED)
    assert Suppression.objects.get().reason == Reason.COMPLAINED
    assert journal.read().last(journal.SUPPRESSING)[one.address_hash].reason == "complained"


# --- Lifting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [Reason.BOUNCED, Reason.REQUESTED])
def test_lifting_lets_the_address_be_mailed_and_is_logged_with_its_reason(reason, commit, admin_client):
    member, one, client = subscription(SAM), suppressed(reason), officer()
    assert 'name="why"' in client.get(lift_page(one)).content.decode()
    with commit():
        assert client.post(lift_page(one), {"why": f"  {WHY} "}).url == INDEX
    assert member in Subscription.objects.entitled()
    assert logged() == [("membership.lift", {"hash": one.address_hash[:8], "reason": reason.value, "why": WHY})]
    assert journal.read().entries[-1].reason == journal.LIFTED
    history = admin_client.get(reverse("wagtailadmin_reports:site_history")).content.decode()
    assert "Address taken off the list that is never mailed" in history


@pytest.mark.parametrize("reason", [Reason.COMPLAINED, Reason.ERASED])
def test_what_staff_may_not_lift_stays(reason):
    one, client = suppressed(reason), officer()
    page = client.get(lift_page(one)).content.decode()
    assert "stays on the list" in page
    assert 'name="why"' not in page
    assert client.post(lift_page(one), {"why": WHY}).status_code == 400
    assert Suppression.objects.get() == one
    assert not ModelLogEntry.objects.exists()


@pytest.mark.parametrize("why", ["", "   ", "sam@example.org rang"])
def test_reason_is_needed_and_names_no_address(why):
    one = suppressed()
    assert officer().post(lift_page(one), {"why": why}).status_code == 400
    assert Suppression.objects.get() == one
    with pytest.raises(suppressing.CannotLift):
        suppressing.lift(suppression=one, by=UserFactory(), why=why)


def test_get_lifts_nothing():
    one = suppressed()
    officer().get(lift_page(one), {"why": WHY})
    assert Suppression.objects.get() == one


def test_what_somebody_else_lifted_is_gone():
    one = suppressed()
    Suppression.objects.all().delete()
    with pytest.raises(suppressing.CannotLift, match="no longer"):
        suppressing.lift(suppression=one, by=UserFactory(), why=WHY)
    assert officer().get(lift_page(one)).status_code == 404


class TestErasedAfterABounce:
    """An erasure keeps the first reason, which staff could lift: the journal remembers the erasure."""

    @pytest.fixture
    def one(self, commit):
        with commit():
            found = suppressed(Reason.BOUNCED)
        with commit():
            erasing.erase(subscription(SAM).member.user, tell=False)
        assert Suppression.objects.get().reason == Reason.BOUNCED
        return found

    def test_stays(self, one):
        assert officer().post(lift_page(one), {"why": WHY}).status_code == 400
        assert Suppression.objects.exists()

    def test_may_be_lifted_once_its_owner_has_come_back(self, one, join):
        services.confirm(subscription=join(SAM))
        assert Suppression.objects.exists(), "a bounce is not taken back by confirming"
        officer().post(lift_page(one), {"why": WHY})
        assert not Suppression.objects.exists()


def test_restored_backup_learns_of_additions_and_does_not_bring_back_what_was_lifted(commit):
    client = officer()
    with commit():
        ask(client, "added@example.org", "add")
        ask(client, "lifted@example.org", "add")
    with commit():
        client.post(lift_page(Suppression.objects.get(address_hash=address_hash("lifted@example.org"))), {"why": WHY})
    Suppression.objects.all().delete()  # without the signal's commit: as in a restored copy
    replay()
    assert [one.address_hash for one in Suppression.objects.all()] == [address_hash("added@example.org")]
