"""The list of members: what it shows, finds, sorts and exports."""

import csv
import io
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook
from wagtail.models import ModelLogEntry

from membership.exporting import safe_cell
from membership.models import Member, Subscription
from membership.sample_members import make_members
from tests.factories import region, subscription
from tests.membership.staffing import adviser, officer

pytestmark = pytest.mark.django_db
INDEX, FIND = reverse("members:index"), reverse("members:find")
State = Subscription.State


def named(first, last="Sample", organisation="", **fields):
    one = subscription(first_name=first, **fields)
    one.member.user.last_name = last
    one.member.user.save(update_fields=["last_name"])
    Member.objects.filter(pk=one.member.pk).update(organisation=organisation)
    return one


def names(response):
    """First names in the order of the list."""
    return [row.user.first_name for row in response.context["object_list"]]


def found(query="", client=None):
    return names((client or adviser()).get(f"{INDEX}?{query}"))


def exported(client, query=""):
    response = client.get(f"{INDEX}?export=csv&{query}")
    content = b"".join(response.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_columns():
    named("Ada", "Ashdown", "Sample Trust", sectors=["health", "schools"])
    page = adviser().get(INDEX).content.decode()
    for text in ("Ada Ashdown", "Health, Schools", "North East", "Sample Trust", "Active"):
        assert text in page


def test_nobody_can_be_added_or_changed_in_bulk():
    named("Ada")
    page = officer().get(INDEX).content.decode()
    assert "Add member" not in page
    assert "data-bulk-action" not in page
    assert "/bulk/membership/" not in page


@pytest.mark.parametrize("size", [20, 200])
def test_a_fixed_number_of_queries(size):
    make_members(size)
    client = officer()
    client.get(INDEX)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(f"{INDEX}?state=active&state=pending")
    assert len(response.context["object_list"]) == min(18 * size // 20, 50)
    assert len(queries) <= 22
    with CaptureQueriesContext(connection) as queries:
        assert len(exported(client)) == size
    assert len(queries) <= 17


def test_pages():
    make_members(60)
    client = adviser()
    assert len(names(client.get(INDEX))) == 50
    assert len(names(client.get(f"{INDEX}?p=2"))) == 10


def test_filter_by_state():
    named("Ada")
    named("Bea", state=State.PAUSED)
    named("Cal", state=State.PENDING)
    assert found("state=paused") == ["Bea"]
    assert sorted(found("state=paused&state=pending")) == ["Bea", "Cal"]


def test_filter_by_sector_shows_each_member_once():
    named("Ada", sectors=["health", "schools"])
    named("Bea", sectors=["probation"])
    one, two = (str(sector.pk) for sector in Member.objects.get(user__first_name="Ada").sectors.all())
    assert found(f"sector={one}&sector={two}") == ["Ada"]


def test_filter_by_region():
    named("Ada", region_slug="london")
    named("Bea", region_slug=None)
    named("Cal", region_slug="north-east")
    assert found(f"region={region('london').slug}") == ["Ada"]
    assert sorted(found("region=london&region=national")) == ["Ada", "Bea"]


def test_filter_by_day_of_joining():
    for name, day in (("Ada", 1), ("Bea", 15), ("Cal", 30)):
        one = named(name)
        Member.objects.filter(pk=one.member.pk).update(joined_at=timezone.make_aware(datetime(2026, 9, day, 23, 30)))
    assert found("joined_at_from=2026-09-02&joined_at_to=2026-09-15") == ["Bea"]


def test_filter_by_tracking_and_suppression():
    named("Ada", track_opens=True)
    named("Bea", track_clicks=True)
    named("Cal", suppressed=True)
    assert found("tracking=opens") == ["Ada"]
    assert found("tracking=clicks") == ["Bea"]
    assert found("tracking=neither") == ["Cal"]
    assert found("suppressed=true") == ["Cal"]
    assert sorted(found("suppressed=false")) == ["Ada", "Bea"]


def test_search_by_name_and_organisation():
    named("Ada", "Ashdown", "Sample Trust")
    named("Bea", "Birch", "Sample Council")
    assert found("q=ash") == ["Ada"]
    assert found("q=ada+trust") == ["Ada"]
    assert found("q=sample") != []
    assert found("q=ada+council") == []


def test_search_does_not_look_at_addresses_which_would_stand_in_the_web_address():
    subscription("ada@example.org", first_name="Zed")
    response = officer().get(f"{INDEX}?q=ada@example.org")
    assert names(response) == []
    assert "Find by address" in response.content.decode()


def test_an_adviser_finds_whoever_gives_their_exact_address():
    one = subscription("ada@example.org", suppressed=True)
    client = adviser()
    page = reverse("members:inspect", args=[one.member.pk])
    assert client.post(FIND, {"address": " ADA@example.org "}).headers["Location"] == page
    response = client.post(FIND, {"address": "ada@"})
    assert response.status_code == 200
    assert "No member has this address" in response.content.decode()


def test_an_officer_finds_by_a_part_of_an_address():
    subscription("ada@example.org")
    subscription("bea@example.org")
    response = officer().post(FIND, {"address": "@EXAMPLE.org"})
    assert "bea@example.org" in response.content.decode()


def test_a_suppressed_address_without_a_member_is_named():
    one = subscription("gone@example.org", suppressed=True)
    type(one.member.user).objects.filter(pk=one.member.user_id).update(email="x@example.org", address_hash="x")
    assert "never mailed" in adviser().post(FIND, {"address": "gone@example.org"}).content.decode()


def test_order():
    for name, last in (("Ada", "Zed"), ("Bea", "Young"), ("Cal", "Xu")):
        one = named(name, last, organisation=name)
        Member.objects.filter(pk=one.member.pk).update(joined_at=timezone.now() - timedelta(days=ord(name[0])))
    assert found() == ["Ada", "Bea", "Cal"], "the latest first"
    assert found("ordering=user__last_name") == ["Cal", "Bea", "Ada"]
    assert found("ordering=-organisation") == ["Cal", "Bea", "Ada"]
    assert found("ordering=user__password") == ["Ada", "Bea", "Cal"]


def test_export_follows_the_filters():
    named("Ada", "Ashdown", "Sample Trust", sectors=["health"], region_slug=None, track_opens=True)
    named("Bea", state=State.PAUSED)
    (row,) = exported(officer(), "state=active")
    assert (row["First name"], row["Last name"], row["Organisation"]) == ("Ada", "Ashdown", "Sample Trust")
    assert (row["Sectors"], row["Region"], row["State"]) == ("Health", "National", "Active")
    assert (row["Opens measured"], row["Clicks measured"], row["Address suppressed"]) == ("yes", "no", "no")


def test_export_as_xlsx():
    named("=1+1")
    response = officer().get(f"{INDEX}?export=xlsx")
    sheet = load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    assert sheet["A1"].value == "First name"
    assert sheet["A2"].value == "'=1+1"
    assert sheet["A2"].data_type == "s"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1"])
def test_what_a_spreadsheet_would_run_is_quoted(text):
    assert safe_cell(text) == "'" + text
    named(text[:60], organisation="Plain")
    assert exported(officer())[0]["First name"].startswith("'")


def test_an_export_is_recorded_without_addresses():
    named("Ada")
    named("Bea", state=State.PAUSED)
    client = officer()
    exported(client, "state=active&q=ada")
    entry = ModelLogEntry.objects.get(action="membership.export")
    assert entry.user == client.user
    assert entry.data == {
        "count": 1,
        "format": "csv",
        "addresses": True,
        "filters": {"State": ["Active"], "Search": ["yes"]},
    }
    assert entry.message == "Members exported"
