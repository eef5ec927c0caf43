"""The desk's page that shows what one reader gets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import GroupPagePermission

from membership.audiences import assign_audiences
from membership.models import Member, Subscription
from membership.staff import VIEW, ensure_staff_groups
from newsletter.approving import approve
from newsletter.compiling import archive_page
from newsletter.desk.frames import in_scheme, without_images
from newsletter.freezing import freeze
from newsletter.models import Delivery, Edition, Issue, NewsletterSettings
from newsletter.sending import drain, start
from tests import factories

State = Subscription.State


def log_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture(autouse=True)
def no_tries_yet():
    cache.clear()


@pytest.fixture
def shapers(db) -> Group:
    group = Group.objects.create(name="Shapers")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    change = Permission.objects.get(codename="change_page", content_type__app_label="wagtailcore")
    GroupPagePermission.objects.create(group=group, page=archive_page(), permission=change)
    return group


@pytest.fixture
def shaper(shapers):
    """Somebody who may change issues, and knows no members."""
    person = factories.UserFactory(email="shaper@example.org", first_name="Shona")
    person.groups.add(shapers)
    return person


@pytest.fixture
def adviser(shapers):
    """Somebody who may see members too, their addresses masked."""
    ensure_staff_groups()
    person = factories.UserFactory(email="adviser@example.org")
    person.groups.add(shapers)
    person.user_permissions.add(Permission.objects.get(codename=VIEW.partition(".")[2]))
    return person


@pytest.fixture
def officer(db):
    return factories.UserFactory(email="officer@example.org", is_superuser=True)


@pytest.fixture
def draft(db) -> Issue:
    """Like `issue`, not approved."""
    issue = factories.approved_issue()
    Issue.objects.filter(pk=issue.pk).update(live=False)
    return Issue.objects.get(pk=issue.pk)


def at(issue: Issue, name: str = "newsletter_reader") -> str:
    return reverse(name, args=[issue.pk])


def seen(client: Client, issue: Issue, **asked) -> str:
    answer = client.get(at(issue), asked)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def framed(client: Client, issue: Issue, **asked):
    answer = client.get(at(issue, "newsletter_reader_frame"), asked)
    assert answer.status_code == 200
    return answer


def choices(sector: str = "health", region: str = "north-east") -> dict:
    return {"sectors": factories.sector(sector).pk, "region": factories.region(region).pk}


class TestByChoices:
    def test_without_a_choice_everything_is_shown(self, draft, shaper):
        page = seen(log_in(shaper), draft)
        assert "Everything, for nobody in particular" in page
        assert "4 items" in page

    def test_says_who_how_many_and_why(self, draft, shaper):
        page = seen(log_in(shaper), draft, **choices())
        assert "Health · North East" in page
        assert "3 items" in page
        assert "The latest draft" in page
        why = re.findall(r'reader-why">([^<]+)<', page)
        assert [line.strip() for line in why] == [
            "For: Health · national",
            "For: Health · North East",
            "For: everyone · national",
        ]

    def test_says_how_many_were_cut(self, draft, shaper):
        NewsletterSettings.objects.update_or_create(pk=1, defaults={"items_per_edition": 1})
        page = seen(log_in(shaper), draft, **choices())
        assert "1 item, and 2 more cut" in page

    def test_an_audience_of_the_matrix_can_be_linked_to(self, draft, members, shaper):
        assign_audiences()
        audience = Subscription.objects.get(member=members[2].member).audience
        page = seen(log_in(shaper), draft, audience=audience.pk)
        assert "Schools · London" in page
        assert log_in(shaper).get(at(draft), {"audience": 999999}).status_code == 404
        assert log_in(shaper).get(at(draft), {"audience": "x"}).status_code == 404

    def test_quarterly_readers_wait_for_the_end_of_the_quarter(self, draft, shaper):
        page = seen(log_in(shaper), draft, quarterly="on", **choices())
        assert "the next is that of December 2026" in page
        assert "<iframe" not in page

    def test_plain_text_and_inbox(self, draft, shaper):
        client = log_in(shaper)
        assert "FOR HEALTH" not in seen(client, draft, view="text", **choices())
        assert "Hello," in seen(client, draft, view="text", **choices())
        assert "Gmail on a phone" in seen(client, draft, view="inbox", **choices())

    def test_what_is_not_known_falls_back_to_the_usual(self, draft, shaper):
        page = seen(log_in(shaper), draft, view="nonsense", scheme="x", width="y", version="frozen")
        assert "<iframe" in page
        assert "The latest draft" in page


class TestFrame:
    def test_is_shut_in(self, draft, shaper):
        answer = framed(log_in(shaper), draft, **choices())
        policy = answer["Content-Security-Policy"]
        assert policy.startswith("sandbox ")
        assert "allow-scripts" not in policy
        assert "allow-same-origin" not in policy
        assert "default-src 'none'" in policy
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        assert "sandbox=" in seen(log_in(shaper), draft, **choices())

    def test_holds_the_mail_with_nothing_left_to_fill_in(self, draft, shaper):
        page = framed(log_in(shaper), draft, **choices()).content.decode()
        assert "For health in the North East" in page
        assert "For schools" not in page
        assert "ihop-" not in page
        assert "/l/" not in page

    @pytest.mark.parametrize(("scheme", "query"), [("dark", "(min-width: 0)"), ("light", "(max-width: 0)")])
    def test_either_scheme_whatever_the_browser_is_set_to(self, draft, shaper, scheme, query):
        page = framed(log_in(shaper), draft, scheme=scheme).content.decode()
        assert "prefers-color-scheme" not in page
        assert f"@media {query}" in page
        assert f"color-scheme:{scheme}!important" in page

    def test_both_schemes_stand_side_by_side(self, draft, shaper):
        page = seen(log_in(shaper), draft, scheme="both")
        assert page.count("<iframe") == 2
        assert {"scheme=light", "scheme=dark"} <= set(re.findall(r"scheme=(?:light|dark)(?=&amp;images)", page))

    def test_without_images_their_words_are_left(self):
        page = '<td background="a.png"><img alt="A visit" src="https://x.example.org/a" width="9" srcset=\'b 2x\'></td>'
        assert without_images(page) == '<td><img alt="A visit" width="9"></td>'

    def test_images_off_lets_none_in(self, draft, shaper):
        answer = framed(log_in(shaper), draft, images="off")
        assert "img-src 'none'" in answer["Content-Security-Policy"]
        assert not re.search(r"<img[^>]*\ssrc=", answer.content.decode())

    def test_queries_for_either_scheme_are_rewritten(self):
        page = (
            "<style>@media ( prefers-color-scheme:dark ){a{}}@media (prefers-color-scheme: light){b{}}</style></head>"
        )
        assert in_scheme(page, "dark").count("(min-width: 0)") == in_scheme(page, "light").count("(min-width: 0)") == 1

    def test_there_is_none_for_whoever_gets_nothing(self, draft, shaper):
        asked = {"quarterly": "on", **choices()}
        assert log_in(shaper).get(at(draft, "newsletter_reader_frame"), asked).status_code == 404


class TestAsMember:
    def test_greets_as_the_mail_will(self, draft, members, officer):
        member = members[0].member
        page = framed(log_in(officer), draft, member=member.pk).content.decode()
        assert "Hello Sam," in page
        assert "Hello Sam," in seen(log_in(officer), draft, member=member.pk, view="text")

    def test_found_by_number_or_address_and_no_address_gets_into_an_address(self, draft, members, officer):
        client, member = log_in(officer), members[0].member
        for who in (str(member.pk), " Ada@Example.org "):
            answer = client.post(at(draft, "newsletter_find_reader"), {"who": who})
            assert answer["Location"] == f"{at(draft)}?member={member.pk}"
        page = client.get(f"{at(draft)}?member={member.pk}").content.decode()
        assert "ada@example.org" not in page
        assert client.get(at(draft, "newsletter_find_reader"), {"who": "ada@example.org"}).status_code == 405

    def test_nobody_is_said_to_be_found(self, draft, officer):
        for who in ("999999", "nobody@example.org", "not an address", ""):
            answer = log_in(officer).post(at(draft, "newsletter_find_reader"), {"who": who}, follow=True)
            assert "No member was found" in answer.content.decode()
            assert "nobody@example.org" not in str(answer.redirect_chain)

    def test_whoever_may_not_see_addresses_asks_by_number(self, draft, members, adviser):
        client = log_in(adviser)
        page = seen(client, draft)
        assert "Number" in page
        assert "Number or e-mail address" not in page
        by_number = client.post(at(draft, "newsletter_find_reader"), {"who": str(members[0].member.pk)})
        assert by_number.status_code == 302
        by_address = client.post(at(draft, "newsletter_find_reader"), {"who": "ada@example.org"})
        assert f"member={members[0].member.pk}" not in by_address.get("Location", "")

    def test_whoever_may_not_see_members_sees_none(self, draft, members, shaper):
        client, member = log_in(shaper), members[0].member.pk
        assert "As a member" not in seen(client, draft)
        for name in ("newsletter_reader", "newsletter_reader_frame"):
            assert "Hello Sam" not in client.get(at(draft, name), {"member": member}).content.decode()
        answer = client.post(at(draft, "newsletter_find_reader"), {"who": str(member)})
        assert "member=" not in answer.get("Location", "")

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"state": State.PAUSED}, "paused the e-news until they resume it"),
            ({"state": State.PAUSED, "paused_until": date(2099, 3, 1)}, "paused the e-news until 1 March 2099"),
            ({"state": State.PENDING}, "have not confirmed"),
            ({"state": State.ENDED}, "have left"),
            ({"suppressed": True}, "the mailbox does not exist"),
            ({"frequency": "quarterly"}, "the next is that of December 2026"),
            ({"kinds": ["event"]}, "Nothing in this issue is for them"),
        ],
    )
    def test_says_why_somebody_gets_nothing(self, draft, officer, fields, sentence):
        member = factories.subscription("gus@example.org", **fields).member
        page = seen(log_in(officer), draft, member=member.pk)
        assert sentence in page
        assert "<iframe" not in page

    def test_a_pause_that_is_over_is_none(self, draft, officer):
        member = factories.subscription("gus@example.org", state=State.PAUSED, paused_until=date(2020, 1, 1)).member
        assert "<iframe" in seen(log_in(officer), draft, member=member.pk)

    def test_a_member_without_a_subscription(self, draft, officer):
        member = Member.objects.create(user=factories.UserFactory())
        assert "no subscription" in seen(log_in(officer), draft, member=member.pk)


class TestVersions:
    def test_an_approved_issue_with_a_later_draft_offers_both(self, draft, officer):
        draft.save_revision()
        issue = Issue.objects.get(pk=approve(draft, by=officer).pk)
        assert "The approved version" in seen(log_in(officer), issue)
        later = issue.get_latest_revision_as_object()
        later.subject = "A later thought"
        later.save_revision()
        page = seen(log_in(officer), issue)
        assert "A later thought" not in page
        assert "version=draft" in page
        assert "A later thought" in seen(log_in(officer), issue, version="draft")

    def test_once_frozen_a_member_is_shown_their_edition(self, issue, members, officer):
        freeze(issue)
        delivery = Delivery.objects.get(member=members[0].member)
        members[0].member.sectors.set([factories.sector("schools")])
        page = seen(log_in(officer), issue, member=members[0].member.pk)
        assert f"The frozen edition, exactly as it was stored for sending (number {delivery.edition.number})" in page
        assert "3 items" in page
        assert "Waiting" in page
        start(issue)
        drain(issue)
        assert "Accepted by the provider" in seen(log_in(officer), issue, member=members[0].member.pk)

    def test_once_frozen_says_why_somebody_was_left_out(self, issue, members, officer):
        freeze(issue)
        assert "They were left out: paused" in seen(log_in(officer), issue, member=members[4].member.pk)
        late = factories.subscription("late@example.org").member
        assert "no subscription when the issue was frozen" in seen(log_in(officer), issue, member=late.pk)

    def test_once_frozen_an_audience_is_shown_its_edition_or_one_made_now(self, issue, members, shaper):
        freeze(issue)
        asked = choices()
        page = seen(log_in(shaper), issue, **asked)
        assert "(number" in page
        page = seen(log_in(shaper), issue, **choices("prisons", "london"))
        assert "nobody had chosen this" in page

    def test_a_stored_mail_that_was_altered_is_not_shown(self, issue, members, officer):
        freeze(issue)
        edition = Delivery.objects.get(member=members[0].member).edition
        stored = edition.prepared.get()
        stored.content = bytes(stored.content).replace(b"i-HOP", b"o-HIP")
        stored.save()
        assert "has been changed since it was prepared" in seen(log_in(officer), issue, member=members[0].member.pk)

    def test_looking_stores_nothing(self, issue, members, officer):
        client = log_in(officer)
        seen(client, issue, member=members[0].member.pk)
        framed(client, issue, **choices())
        assert not Edition.objects.exists()


class TestSendingATest:
    def test_goes_to_oneself_as_the_edition_shown(self, draft, shaper, own_outbox):
        query = f"?sectors={factories.sector('health').pk}"
        answer = log_in(shaper).post(at(draft, "newsletter_test") + query, {"group": ""}, follow=True)
        assert "Test sent to 1 person" in answer.content.decode()
        assert answer.redirect_chain[0][0] == at(draft) + query
        (path,) = own_outbox.glob("*.eml")
        content = path.read_text()
        assert "To: shaper@example.org" in content
        assert "[Test]" in content

    def test_goes_to_a_group(self, draft, shaper, shapers, own_outbox):
        factories.UserFactory().groups.add(shapers)
        answer = log_in(shaper).post(at(draft, "newsletter_test"), {"group": shapers.pk}, follow=True)
        assert "Test sent to 2 people" in answer.content.decode()
        assert len(list(own_outbox.glob("*.eml"))) == 2

    def test_only_to_a_group_in_the_list(self, draft, shaper, own_outbox):
        members = Group.objects.get_or_create(name="Members")[0]
        answer = log_in(shaper).post(at(draft, "newsletter_test"), {"group": members.pk}, follow=True)
        assert "Choose one of the groups" in answer.content.decode()
        assert not own_outbox.exists()

    def test_ten_within_an_hour_are_enough(self, draft, shaper, own_outbox):
        client = log_in(shaper)
        for _ in range(10):
            client.post(at(draft, "newsletter_test"), {"group": ""})
        answer = client.post(at(draft, "newsletter_test"), {"group": ""}, follow=True)
        assert "ten tests within an hour" in answer.content.decode()
        assert len(list(own_outbox.glob("*.eml"))) == 10

    def test_what_stands_in_the_way_is_said(self, draft, shaper, shapers, settings):
        settings.SENDING_ARMED = False
        answer = log_in(shaper).post(at(draft, "newsletter_test"), {"group": shapers.pk}, follow=True)
        assert "a test can go to yourself only" in answer.content.decode()

    def test_is_not_started_by_looking(self, draft, shaper):
        assert log_in(shaper).get(at(draft, "newsletter_test")).status_code == 405


@pytest.mark.parametrize("name", ["newsletter_reader", "newsletter_reader_frame"])
def test_whoever_may_not_work_on_issues_sees_nothing(draft, name):
    group = Group.objects.create(name="Others")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    person = factories.UserFactory()
    person.groups.add(group)
    assert "For everyone" not in log_in(person).get(at(draft, name)).content.decode()
    assert log_in(person).post(at(draft, "newsletter_test"), {"group": ""}).status_code in {302, 403}


@contextmanager
def counted(counts: list[int]) -> Iterator[None]:
    with CaptureQueriesContext(connection) as queries:
        yield
    counts.append(len(queries))


@pytest.mark.parametrize("frozen", [False, True], ids=["draft", "frozen"])
@pytest.mark.parametrize("name", ["newsletter_reader", "newsletter_reader_frame"])
def test_takes_as_many_queries_for_forty_items_as_for_four(officer, name, frozen):
    counts: list[int] = []
    client = log_in(officer)
    client.get(reverse("newsletter_issues"))
    member = factories.subscription("ada@example.org").member
    for period, number in (("2026-09", 4), ("2026-10", 40)):
        pages = [factories.entry(title=f"{period} {one}", sectors=["health"]) for one in range(number)]
        issue = factories.issue(period, pages=pages, live=frozen)
        if frozen:
            freeze(issue)
        with counted(counts):
            assert client.get(at(issue, name), {"member": member.pk}).status_code == 200
    assert counts[0] == counts[1]
