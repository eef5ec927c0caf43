"""Correcting one's own profile, and the line it leaves in the timeline."""

import pytest

from cms.models import Kind
from membership import services, timeline
from membership.models import Member
from tests.factories import sector, subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def one(client):
    made = subscription("sam@example.org", first_name="Sam")
    client.force_login(made.member.user)
    return made


def test_member_corrects_their_profile(client, one):
    assert b"Sam" in client.get("/account/profile/").content
    given = {"first_name": "Samira", "last_name": "", "organisation": "A school", "job_role": "Teacher"}
    assert client.post("/account/profile/", given)["Location"] == "/account/"
    member = Member.objects.get()
    assert (member.user.first_name, member.organisation, member.job_role) == ("Samira", "A school", "Teacher")
    changes = [event for event in timeline.events(member) if event.what == "Changed"]
    assert [event.how for event in changes] == ["first name, last name, organisation, job role"]


def test_profile_with_a_link_for_a_name_is_refused_at_the_field(client, one):
    assert client.post("/account/profile/", {"first_name": "https://example.org"}).status_code == 400
    assert Member.objects.get().user.first_name == "Sam"


def test_profile_needs_a_login(client):
    assert "/account/login/" in client.get("/account/profile/")["Location"]


def test_changed_preferences_are_told_by_name_and_only_when_they_moved(one):
    for _ in range(2):
        services.change_preferences(
            subscription=one,
            sectors=[sector("schools")],
            region=one.member.region,
            kinds=list(Kind.values),
            track_opens=False,
            track_clicks=False,
        )
    assert [event.how for event in timeline.events(one.member) if event.what == "Changed"] == ["sectors"]
