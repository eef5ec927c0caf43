"""Test sends: like real mail, marked, to staff only, and leaving no trace among deliveries."""

from email import message_from_bytes, policy

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from wagtail.models import PageLogEntry

from cms.groups import MEMBERS_GROUP
from membership.audiences import audience_of
from membership.models import Subscription, Suppression
from newsletter.compiling import IssueError
from newsletter.editions import IssueEditions
from newsletter.models import Delivery, Edition, Hit, Prepared
from newsletter.reading import everything
from newsletter.rehearsing import MOST, TEST_TOKEN, rehearse, staff_groups
from newsletter.sending import drain, start
from tests import factories
from tests.newsletter.posting import record_provider_event


@pytest.fixture
def desk(db) -> Group:
    group = Group.objects.create(name="E-news team")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    return group


@pytest.fixture
def editor(desk):
    person = factories.UserFactory(email="edith@example.org", first_name="Edith", last_name="Editor")
    person.groups.add(desk)
    return person


@pytest.fixture
def editions(issue) -> IssueEditions:
    return IssueEditions.approved(issue)


def health() -> object:
    return everything([factories.sector("health").pk], factories.region("north-east").pk)


def mails(outbox) -> list:
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(outbox.glob("*.eml"))]
    return sorted(found, key=lambda mail: str(mail["To"]))


def body(mail, kind: str = "plain") -> str:
    return mail.get_body((kind,)).get_content()


def colleagues(desk, count: int, **fields) -> list:
    people = [factories.UserFactory(first_name=f"Colleague{number}", **fields) for number in range(count)]
    for person in people:
        person.groups.add(desk)
    return people


def test_goes_to_oneself_marked_and_with_ones_own_greeting(editions, editor, own_outbox):
    result = rehearse(editions, health(), by=editor)
    (mail,) = mails(own_outbox)
    assert (result.sent, result.trouble) == (1, "")
    assert mail.get_all("To") == ["edith@example.org"]
    assert mail["Subject"] == "[Test] What is new"
    for text in (body(mail), body(mail, "html")):
        words = " ".join(text.split())
        assert "Test send to themselves by Edith Editor, nothing was sent to members" in words
        assert "Hello Edith," in words
        assert "For health in the North East" in words
        assert "For schools" not in words


def test_is_built_as_a_delivery_is(editions, issue, editor, members, own_outbox):
    rehearse(editions, health(), by=editor)
    (test,) = mails(own_outbox)
    for path in own_outbox.glob("*.eml"):
        path.unlink()
    start(issue)
    drain(issue)
    real = next(mail for mail in mails(own_outbox) if mail["To"] == "ada@example.org")
    assert list(test.keys()) == list(real.keys())
    assert [part.get_content_type() for part in test.walk()] == [part.get_content_type() for part in real.walk()]
    same = ("From", "List-Id", "List-Unsubscribe-Post", "Auto-Submitted", "Feedback-ID", "MIME-Version")
    assert {name: test[name] for name in same} == {name: real[name] for name in same}


def test_goes_to_each_of_a_group_who_are_active_staff(editions, editor, desk, own_outbox):
    colleagues(desk, 2)
    colleagues(desk, 1, is_active=False)
    result = rehearse(editions, by=editor, group=desk)
    assert result.sent == 3
    assert all(len(mail["To"].addresses) == 1 for mail in mails(own_outbox))
    assert len({str(mail["To"]) for mail in mails(own_outbox)}) == 3
    assert len({str(mail["Message-ID"]) for mail in mails(own_outbox)}) == 3


def test_never_goes_to_the_group_of_members(editions, editor, desk, own_outbox):
    group = Group.objects.get_or_create(name=MEMBERS_GROUP)[0]
    editor.groups.add(group)
    assert list(staff_groups()) == [desk]
    with pytest.raises(IssueError, match="choose another"):
        rehearse(editions, by=editor, group=group)
    assert mails(own_outbox) == []


def test_members_who_are_in_a_group_but_not_staff_get_nothing(editions, editor, own_outbox):
    readers = Group.objects.create(name="Readers' panel")
    factories.subscription("ada@example.org").member.user.groups.add(readers)
    assert readers not in staff_groups()
    with pytest.raises(IssueError, match="Nobody in this group"):
        rehearse(editions, by=editor, group=readers)


def test_too_many_people_are_refused(editions, editor, desk, own_outbox):
    colleagues(desk, MOST)  # and the editor
    with pytest.raises(IssueError, match="more than 20"):
        rehearse(editions, by=editor, group=desk)
    assert mails(own_outbox) == []


def test_suppressed_addresses_are_not_mailed(editions, editor, desk, own_outbox):
    (other,) = colleagues(desk, 1)
    Suppression.objects.create(address_hash=other.address_hash, reason=Suppression.Reason.BOUNCED)
    result = rehearse(editions, by=editor, group=desk)
    assert (result.sent, result.suppressed) == (1, 1)
    assert [str(mail["To"]) for mail in mails(own_outbox)] == ["edith@example.org"]


def test_a_disarmed_copy_mails_oneself_only(editions, editor, desk, settings, own_outbox):
    settings.SENDING_ARMED = False
    with pytest.raises(IssueError, match="yourself only"):
        rehearse(editions, by=editor, group=desk)
    assert rehearse(editions, by=editor).sent == 1


def test_an_audience_that_gets_nothing_cannot_be_tested(editions, editor, own_outbox):
    nothing = everything([], None, quarterly=True)
    with pytest.raises(IssueError, match="Nothing in this issue"):
        rehearse(editions, nothing, by=editor)


def test_saved_searches_stay_with_their_member(editions, editor, own_outbox):
    subscription = factories.subscription("ada@example.org", sectors=["prisons"])
    subscription.member.saved_searches.create(query="q=schools", in_news=True)
    audience = audience_of(subscription)
    assert editions.choose(audience).marks
    rehearse(editions, audience, by=editor)
    (mail,) = mails(own_outbox)
    assert "saved search" not in body(mail)


def test_leaves_no_trace_but_in_the_log(editions, issue, editor, own_outbox):
    rehearse(editions, health(), by=editor)
    assert not any(model.objects.exists() for model in (Delivery, Edition, Prepared, Hit))
    assert issue.get_mailing() is None
    entry = PageLogEntry.objects.get(action="newsletter.test")
    assert entry.data == {"edition": "Health · North East", "count": 1}
    assert entry.user == editor
    assert "@" not in entry.message


def test_does_not_overwrite_or_settle_a_delivery(editions, issue, members, editor, own_outbox):
    start(issue)
    drain(issue)
    before = {path: path.read_bytes() for path in own_outbox.glob("*.eml")}
    states = factories.states(issue)
    rehearse(IssueEditions.approved(issue), health(), by=editor)
    after = {path: path.read_bytes() for path in own_outbox.glob("*.eml")}
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 1
    (new,) = set(after) - set(before)
    number = message_from_bytes(after[new])["Message-ID"].strip("<>").partition(".")[0]
    assert int(number) < 0
    event = record_provider_event(
        provider="postmark",
        event_type="complained",
        event_id="e1",
        message_id="m1",
        metadata={"delivery": number, "issue": issue.period},
        recipient=None,
        happened_at=None,
    )
    assert event.delivery is None
    assert factories.states(issue) == states


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["news_unsubscribe", "news_preferences"])
def test_its_links_lead_to_a_plain_page_and_change_nothing(client, members, method, name):
    before = list(Subscription.objects.order_by("pk").values_list("pk", "state", "ended_at"))
    answer = getattr(client, method)(reverse(name, args=[TEST_TOKEN]))
    assert answer.status_code == 404
    assert "<h1" in answer.content.decode()
    assert list(Subscription.objects.order_by("pk").values_list("pk", "state", "ended_at")) == before


def test_what_goes_wrong_is_said_in_one_sentence(editions, editor, desk, settings, tmp_path):
    blocked = tmp_path / "no-folder"
    blocked.write_text("a file")
    settings.OUTBOX_DIR = blocked
    result = rehearse(editions, by=editor, group=desk)
    assert result.sent == 0
    assert "Cannot write to" in result.trouble
