"""Joining, confirming and one's own page in a browser: what anybody can see, and what nobody can find out."""

import re

import pytest
from django.test import Client

from cms.models import Kind
from membership.models import ConsentRecord, Subscription, User
from tests.factories import region, sector, subscription
from tests.membership.forms import joining

pytestmark = pytest.mark.django_db
State = Subscription.State


# --- Joining -------------------------------------------------------------------------------------


def test_join_page_ticks_nothing_beforehand(client):
    response = client.get("/join/")
    assert response.status_code == 200
    text = response.content.decode()
    assert text.count('type="checkbox"') == 12, "nine sectors, the e-news and two tracking switches"
    assert not re.search(r"<input[^>]*\schecked", text)


def test_join_page_answers_a_head_request(client):
    assert client.head("/join/").status_code == 200


def test_joining_asks_to_look_into_the_mailbox(post, mailoutbox):
    response = post("/join/", joining(organisation="Sample Trust"))
    assert response.status_code == 200
    assert "Check your e-mail" in response.content.decode()
    assert Subscription.objects.get().state == State.PENDING
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "sam"}, "email"),
        ({"email": "sam@example.org\r\nBcc: eve@example.org"}, "email"),
        ({"email": "s\u202eam@example.org"}, "email"),
        ({"email": "a" * 300 + "@example.org"}, "email"),
        ({"sectors": []}, "sectors"),
        ({"sectors": ["999999"]}, "sectors"),
        ({"sectors": ["' OR 1=1 --"]}, "sectors"),
        ({"region": "999999"}, "region"),
        ({"region": "\0"}, "region"),
        ({"first_name": "x" * 61}, "first_name"),
        ({"last_name": "Sam\0"}, "last_name"),
        ({"organisation": "x" * 10_000}, "organisation"),
        ({"job_role": "x" * 121}, "job_role"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_wrong_is_said_at_its_field(post, mailoutbox, wrong, field):
    response = post("/join/", joining() | wrong)
    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    text = response.content.decode()
    assert f'id="id_{field}_error"' in text
    assert "aria-describedby=" in text
    assert not User.objects.exists()
    assert mailoutbox == []


def test_empty_form_is_refused(post):
    response = post("/join/", {})
    assert response.status_code == 400
    assert set(response.context["form"].errors) == {"email", "sectors"}


@pytest.mark.parametrize("state", State)
def test_joining_answers_the_same_whether_or_not_the_address_is_known(post, mailoutbox, state):
    subscription("known@example.org", state=state)
    answers = [
        post("/join/", joining(email), Client())
        for email in ("unknown@example.org", "known@example.org", "KNOWN@Example.org")
    ]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    headers = [dict(answer.headers) for answer in answers]
    assert len({one.pop("X-Request-ID") for one in headers}) == 3, "made for each request, whoever asks"
    assert headers[0] == headers[1] == headers[2]
    assert [mail.to for mail in mailoutbox] == [["unknown@example.org"], ["known@example.org"], ["known@example.org"]]


def test_joining_needs_the_forgery_token():
    assert Client(enforce_csrf_checks=True).post("/join/", joining()).status_code == 403


def test_names_that_carry_a_message_do_not_reach_the_mail(post, mailoutbox):
    post("/join/", joining("victim@example.org", first_name="Prize! http://evil.example.net now"))
    post("/join/", joining("other@example.org", first_name="Sam,\r\n\r\nyour parcel waits"))
    for mail in mailoutbox:
        assert "evil.example.net" not in mail.body
        assert not re.search(r"^your parcel", mail.body, re.MULTILINE)


def test_script_in_a_name_is_escaped(post, log_in):
    post("/join/", joining(first_name="<script>alert(1)</script>", organisation="<img src=x>"))
    one = Subscription.objects.first()
    if one is None:
        return  # refused, which is as good
    text = log_in(one).get("/account/").content.decode()
    assert "<script>alert" not in text
    assert "<img src=x>" not in text


# --- Confirming ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_the_link_changes_nothing(client, waiting, method):
    response = getattr(client, method)(waiting)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert Subscription.objects.get().state == State.PENDING
    assert ConsentRecord.objects.count() == 1


def test_its_button_confirms_and_then_the_link_is_used_up(client, waiting):
    assert client.post(waiting).status_code == 200
    assert Subscription.objects.get().state == State.ACTIVE
    again = client.post(waiting)
    assert again.status_code == 404
    assert b"used already" in again.content
    assert Subscription.objects.get().state == State.ACTIVE


@pytest.mark.parametrize("token", ["garbage", "%00", "..", "' OR 1=1 --", "x" * 5_000, "ü"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_garbage_link_is_unknown(client, waiting, method, token):
    assert getattr(client, method)(f"/join/confirm/{token}/").status_code == 404
    assert Subscription.objects.get().state == State.PENDING


# --- One's own page ------------------------------------------------------------------------------


def choosing(**changed):
    return {
        "act": "save",
        "sectors": [sector("prisons").pk],
        "region": region("london").pk,
        "kinds": ["event", "funding"],
        **changed,
    }


@pytest.mark.parametrize("address", ["/account/", "/account/preferences/"])
def test_own_pages_need_a_login(client, address):
    assert client.get(address)["Location"] == f"/account/login/?next={address}"
    assert client.post(address, choosing())["Location"] == f"/account/login/?next={address}"


def test_account_page_shows_what_one_chose(log_in):
    one = subscription("sam@example.org", sectors=["health", "schools"])
    text = log_in(one).get("/account/").content.decode()
    assert all(words in text for words in ("sam@example.org", "Health", "Schools and education", "North East"))


def test_preferences_are_saved_by_their_owner_only(log_in):
    one, other = subscription(), subscription()
    response = log_in(one).post("/account/preferences/", choosing(track_opens="on"), follow=True)
    assert b"Your choices are saved" in response.content
    one.refresh_from_db()
    assert (one.kinds, one.track_opens, one.track_clicks) == (["event", "funding"], True, False)
    assert [found.slug for found in one.member.sectors.all()] == ["prisons"]
    assert one.member.region.slug == "london"
    assert set(Subscription.objects.get(pk=other.pk).kinds) == set(Kind.values)


def test_preferences_page_shows_the_present_choices(log_in):
    one = subscription(sectors=["health"], kinds=["event"], track_clicks=True)
    text = log_in(one).get("/account/preferences/").content.decode()
    assert len(re.findall(r"<input[^>]*\schecked", text)) == 4  # and how often
    assert re.search(rf'<option value="{region("north-east").pk}"\s+selected', text)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sectors": []}, "sectors"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["<script>"]}, "kinds"),
        ({"region": "x"}, "region"),
    ],
    ids=str,
)
def test_wrong_preferences_are_said_at_their_field_and_change_nothing(log_in, wrong, field):
    one = subscription()
    response = log_in(one).post("/account/preferences/", choosing() | wrong)
    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert "<script>" not in response.content.decode()
    assert set(Subscription.objects.get().kinds) == set(Kind.values)


@pytest.mark.parametrize("region_value", ["", None])
def test_no_region_means_the_whole_country(log_in, region_value):
    one = subscription()
    data = choosing()
    data.pop("region")
    log_in(one).post("/account/preferences/", data if region_value is None else data | {"region": region_value})
    assert Subscription.objects.get().member.region is None


def test_pause_resume_and_leave(log_in):
    one = subscription()
    browser = log_in(one)
    for act, state in (
        ("pause", State.PAUSED),
        ("resume", State.ACTIVE),
        ("leave", State.ENDED),
        ("leave", State.ENDED),
    ):
        response = browser.post("/account/preferences/", {"act": act})
        assert (response.status_code, response["Location"]) == (302, "/account/preferences/")
        assert Subscription.objects.get().state == state
        assert browser.get("/account/preferences/").status_code == 200
    assert list(ConsentRecord.objects.filter(purpose="news").values_list("act", "channel")) == [
        ("withdrawn", "preferences")
    ]


@pytest.mark.parametrize("act", ["pause", "resume"])
@pytest.mark.parametrize("state", [State.PENDING, State.ENDED])
def test_nobody_is_told_of_a_change_that_did_not_happen(log_in, act, state):
    one = subscription(state=state)  # an old tab still shows the button
    text = log_in(one).post("/account/preferences/", {"act": act}, follow=True).content.decode()
    assert Subscription.objects.get().state == state
    assert "Welcome back" not in text
    assert "is paused until" not in text


def test_account_without_membership_is_shown_the_way_to_join(log_in):
    one = subscription()
    Subscription.objects.all().delete()
    browser = log_in(one)
    assert b"/join/" in browser.get("/account/").content
    assert browser.get("/account/preferences/")["Location"] == "/join/"
