"""Seeing and taking away one's own data, and the registry behind it."""

import json
from html import unescape
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms.models import Message, Submission
from membership import held, services
from membership.models import Complaint, ConsentRecord, Member, SavedEntry, SavedSearch
from membership.models.consent import WORDING_VERSION
from membership.templatetags.held import spoken
from membership.wording import WORDINGS, words
from newsletter.freezing import freeze
from newsletter.models import AgedToken, Delivery, Departure, Hit, Link, ProviderEvent
from tests import factories
from tests.newsletter.fakes import open_mailing

pytestmark = pytest.mark.django_db
OWN_PAGES = ["/account/your-data/", "/account/your-data/export.json"]


@pytest.fixture
def rich():
    """A member about whom something of every kind is held."""
    one = factories.subscription("sam@example.org", first_name="Sam", track_opens=True, track_clicks=True)
    member = one.member
    member.user.set_unusable_password()
    member.user.save()
    services.change_preferences(
        subscription=one,
        sectors=member.sectors.all(),
        region=member.region,
        kinds=["event"],
        track_opens=True,
        track_clicks=False,
    )
    now = timezone.now()
    page = factories.entry(title="A saved guide")
    SavedEntry.objects.create(member=member, entry=page)
    SavedSearch.objects.create(member=member, query="q=visits", title="Visits")
    Complaint.objects.create(reference="C-TEST", email="sam@example.org", text="Too many mails.")
    Submission.objects.create(
        reference="S-TEST", kind="service", title="A bus", email="sam@example.org", token_hash="b" * 64, made_at=now
    )
    Message.objects.create(reference="M-TEST", email="sam@example.org", text="When?", received_at=now)
    factories.entry(contact_email="sam@example.org")
    ModelLogEntry.objects.log_action(member, "wagtail.edit")
    issue = open_mailing([one])
    delivery = Delivery.objects.get()
    Delivery.objects.update(state="sent", finished_at=timezone.now(), message_id="provider-1")
    ProviderEvent.objects.create(
        delivery=delivery, provider="test", event_type="delivered", happened_at=timezone.now(), natural_key="k"
    )
    link = Link.objects.create(issue=issue, number=1, url="https://example.org/guide")
    Hit.objects.create(delivery=delivery, what=Hit.What.CLICK, link=link)
    Departure.objects.create(delivery=delivery)
    AgedToken.objects.create(member=member, token_hash="a" * 64)
    return one


def test_export_holds_something_of_every_source(rich, log_in):
    response = log_in(rich).get("/account/your-data/export.json")
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    data = json.loads(response.content)["held"]
    assert set(data) == {source.name for source in held.sources()}
    assert {name for name, section in data.items() if not section["rows"]} == {"suppression"}
    assert data["account"]["rows"][0]["email"] == "sam@example.org"
    assert data["deliveries"]["rows"][0]["issue"] == "2026-10"
    assert data["provider_events"]["rows"][0]["report"] == "delivered"
    assert data["hits"]["rows"][0]["link"] == "https://example.org/guide"
    assert data["saved_entries"]["rows"][0]["entry"] == "A saved guide"


def test_page_shows_the_same_in_words(rich, log_in):
    response = log_in(rich).get("/account/your-data/")
    text = response.content.decode()
    assert response.status_code == 200
    for title, rows in held.sections(rich.member):
        assert title.replace("'", "&#x27;") in text
        assert all(spoken(name) in text for row in rows for name, _ in row)
    assert "Too many mails." in text
    assert "provider-1" not in text


def test_page_names_what_an_issue_carried(issue, members, log_in):
    freeze(issue)
    reader = members[0].member
    reader.user.set_unusable_password()  # whoever has one is asked for it first
    reader.user.save()
    carried = held.as_dict(reader)["deliveries"]["rows"][0]["items"]
    response = log_in(reader.user).get("/account/your-data/")
    assert response.status_code == 200
    assert carried
    assert "; ".join(carried) in unescape(response.content.decode())


def test_consents_are_shown_with_the_words(rich):
    rows = held.as_dict(rich.member)["consents"]["rows"]
    assert [(row["purpose"], row["act"], row["channel"]) for row in rows] == [
        ("Measuring clicks", "Withdrawn", "Preferences page")
    ]
    assert rows[0]["wording_version"] == WORDING_VERSION
    assert "which links I follow" in rows[0]["wording"]
    assert rows[0]["time"]


def test_every_wording_stands_in_the_document():
    text = " ".join(Path("docs/consent-wording.md").read_text().split())
    assert WORDING_VERSION in WORDINGS
    for version, wordings in WORDINGS.items():
        assert f"## {version}" in text
        for purpose in ConsentRecord.Purpose:
            assert " ".join(words(purpose, version).split()) in text
            assert wordings[purpose]


def change(records):
    records.update(act="confirmed")


def delete(records):
    records.delete()


def delete_by_hand(records):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM membership_consentrecord")


@pytest.mark.parametrize("act", [change, delete, delete_by_hand])
def test_database_refuses_to_change_or_delete_a_consent_record(rich, act):
    records = ConsentRecord.objects.filter(member=rich.member)
    with pytest.raises(DatabaseError, match="append-only"):
        transaction.atomic(act)(records)
    assert records.count() == 1


@pytest.mark.parametrize("address", OWN_PAGES)
def test_nobody_sees_it_without_a_login(client, address):
    assert client.get(address)["Location"] == f"/account/login/?next={address}"


@pytest.mark.parametrize("address", [*OWN_PAGES, "/account/erase/"])
def test_whoever_has_a_password_is_asked_for_it_again(rich, log_in, address):
    rich.member.user.set_password("a long enough password")
    rich.member.user.save()
    response = log_in(rich).get(address)
    assert response.status_code == 302
    assert response["Location"].startswith("/account/reauthenticate/")


def test_nobody_sees_what_is_held_about_another(rich, log_in):
    other = factories.subscription("eve@example.org", first_name="Eve")
    other.member.user.set_unusable_password()
    other.member.user.save()
    text = log_in(other).get("/account/your-data/export.json").content.decode()
    assert "eve@example.org" in text
    for secret in ("sam@example.org", "A saved guide", "Too many mails", "example.org/guide"):
        assert secret not in text


def test_account_without_membership_sees_its_account(client):
    user = factories.UserFactory(email="editor@example.org")
    user.set_unusable_password()
    user.save()
    browser = Client()
    browser.force_login(user)
    assert b"editor@example.org" in browser.get("/account/your-data/").content
    assert not Member.objects.exists()


def test_as_many_queries_for_a_year_of_issues_as_for_one(rich):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            held.sections(Member.objects.select_related("user", "region").get(pk=rich.member.pk))
        return len(captured)

    queries()  # fills Django's cache of content types
    one = queries()
    for month in range(1, 8):
        open_mailing([rich], period=f"2026-0{month}")
    assert queries() == one


def test_command_prints_the_same(rich):
    out = StringIO()
    call_command("export_member", "SAM@Example.org", "--json", stdout=out)
    last = json.loads(out.getvalue().strip().splitlines()[-1])
    assert last["held"]["profile"]["rows"][0]["sectors"] == ["Health"]
    out = StringIO()
    call_command("export_member", "sam@example.org", stdout=out)
    assert json.loads(out.getvalue())["held"].keys() == last["held"].keys()


@pytest.mark.parametrize("command", ["export_member", "erase_member"])
@pytest.mark.parametrize("address", ["nobody@example.org", "not an address"])
def test_commands_say_that_there_is_nobody(command, address):
    with pytest.raises(CommandError, match="no account"):
        call_command(command, address)


def test_every_table_that_points_to_a_member_is_a_source_or_explained(rich):
    """Whoever adds a table about members must say what an export shows of it."""
    shown = {"ConsentRecord", "SavedEntry", "SavedSearch", "Subscription", "Delivery", "AgedToken", "Member_sectors"}
    pointing = {
        relation.related_model.__name__
        for relation in Member._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete
    }
    assert pointing == shown
    assert ContentType.objects.get_for_model(Member)
