"""What a correction says, and that it is archived, certified, recovered and commanded as it should be."""

from io import StringIO

import pytest
from django.core.management import call_command

from membership.models import Subscription
from newsletter import rendering
from newsletter.approving import approve
from newsletter.certificate import certify
from newsletter.compiling import compile_issue
from newsletter.correcting import draft
from newsletter.editions import IssueEditions
from newsletter.management.operator import Error
from newsletter.models import Edition, EditionItem, Issue, Item, Link, Mailing
from newsletter.periods import Period
from newsletter.previewing import Upcoming
from newsletter.receivers import latest_issue
from tests import factories
from tests.newsletter.aftermath import freeze_only, item, published, send, staff
from tests.newsletter.fakes import RecordingTransport, accept, expire_leases, set_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor():
    return staff("editor@example.org")


@pytest.fixture
def approver():
    return staff("approver@example.org")


@pytest.fixture
def sent(issue, members) -> Issue:
    """October: ada, bea and dot got what is for health; ada and bea what is for health in the North East."""
    assert send(issue) == ["ada", "bea", "cal", "dot"]
    return issue


class TestMail:
    @pytest.fixture
    def mail(self, sent, editor):
        Item.objects.filter(pk=item(sent).pk).update(headline="The wrong headline", summary="The wrong words.")
        one = published(draft(item(sent), editor))
        transport = RecordingTransport()
        send(one, transport)
        return transport.taken[0].as_email()

    def test_says_plainly_that_it_is_a_correction_and_of_what(self, mail):
        assert mail["Subject"] == "Correction: The wrong headline"
        for kind in ("plain", "html"):
            body = mail.get_body((kind,)).get_content()
            assert "correction to our e-news of october 2026" in body.lower()
            assert "We gave the wrong telephone number" in " ".join(body.split())

    def test_shows_the_entry_in_its_own_words_with_its_link(self, mail):
        text = mail.get_body(("plain",)).get_content()
        assert "What For health offers." in text
        assert "http://localhost:8000/directory/service-2/" in text
        assert "The wrong words." not in text
        assert "nothing new" not in text

    def test_can_be_left_by_one_click_like_any_issue(self, mail):
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["List-Unsubscribe"].startswith("<http://localhost:8000/e-news/u/")
        text = mail.get_body(("plain",)).get_content()
        assert "/e-news/u/" in text
        assert "/e-news/p/" in text

    def test_is_rendered_once(self, sent, editor, monkeypatch):
        one = published(draft(item(sent), editor))
        calls = []
        compile_mjml = rendering.compile_mjml
        monkeypatch.setattr(rendering, "compile_mjml", lambda source: calls.append(1) or compile_mjml(source))
        freeze_only(one)
        assert (len(calls), Edition.objects.filter(issue=one).count()) == (1, 1)

    def test_of_an_entry_that_has_gone_says_only_what_was_wrong(self, sent, editor):
        wrong = item(sent)
        wrong.page.unpublish()
        one = published(draft(wrong, editor))
        transport = RecordingTransport()
        send(one, transport)
        text = transport.taken[0].as_email().get_body(("plain",)).get_content()
        assert "We gave the wrong telephone number" in " ".join(text.split())
        assert "service-2" not in text
        assert "nothing new" not in text
        assert EditionItem.objects.get(edition__issue=one).item == wrong
        assert not Link.objects.filter(issue=one).exists()


class TestLikeAnyIssue:
    @pytest.fixture
    def correction(self, sent, editor) -> Issue:
        one = published(draft(item(sent), editor))
        send(one)
        return one

    def test_has_a_certificate_that_adds_up(self, correction):
        certificate = certify(correction)
        assert (certificate.balanced, certificate.frozen) == (True, 3)
        assert Mailing.objects.get(pk=correction.pk).state == Mailing.State.FINISHED

    def test_click_of_a_reader_who_agreed_leads_to_the_entry(self, sent, editor, client):
        transport = RecordingTransport()
        send(published(draft(item(sent), editor)), transport)
        token = next(message.token for message in transport.taken if message.recipient.startswith("dot"))
        assert client.get(f"/l/{token}/1")["Location"] == "http://localhost:8000/directory/service-2/"

    def test_address_works_once_sent(self, sent, editor, client):
        one = published(draft(item(sent), editor))
        assert client.get("/e-news/2026-10-c1/").status_code == 404
        send(one)
        page = client.get("/e-news/2026-10-c1/").content.decode()
        assert "This is a correction to our e-news of October 2026." in page
        assert "What For health offers." in page
        assert "This is the whole issue" not in page

    def test_is_not_in_the_archive_nor_the_latest_issue_for_new_members(self, correction, client):
        assert "Correction" not in client.get("/e-news/").content.decode()
        assert latest_issue().link.endswith("/e-news/2026-10/")

    def test_is_not_what_comes_next(self, sent, editor):
        draft(item(sent), editor)
        assert not Upcoming().issue.is_correction

    def test_compiling_the_next_month_is_not_confused(self, correction, time_machine):
        time_machine.move_to("2026-12-02T09:00:00Z", tick=False)
        factories.entry(title="November’s")
        made = compile_issue(Period.parse("2026-11"))
        assert [str(one) for one in made.issue.items.all()] == ["November’s"]

    def test_is_nothing_a_quarter_gathers(self, correction):
        quarter = IssueEditions(factories.issue("2026-12", pages=[factories.entry(title="Own")]))
        quarter.load_quarter()
        assert len(quarter.items) == 1 + 4
        assert len({one.pk for one in quarter.items.values()}) == 5

    def test_killed_worker_mails_nobody_twice(self, sent, editor):
        one = published(draft(item(sent), editor))
        first, second = RecordingTransport(answer=_killed_after(1)), RecordingTransport()
        with pytest.raises(KeyboardInterrupt):
            send(one, first)
        expire_leases(one)
        send(one, second)
        mailed = [*first.recipients, *second.recipients]
        assert len(mailed) == len(set(mailed))
        assert sum(factories.states(one).values()) == 3


def _killed_after(number: int):
    seen = []

    def answer(message):
        seen.append(message)
        if len(seen) > number:
            raise KeyboardInterrupt
        return accept(message)

    return answer


class TestCommands:
    def test_know_a_correction_by_its_name(self, sent, editor):
        published(draft(item(sent), editor))
        out = StringIO()
        call_command("freeze_issue", "2026-10-c1", "--json", stdout=out)
        assert '"frozen": 3' in out.getvalue()

    def test_say_where_a_correction_comes_from(self, sent):
        with pytest.raises(Error, match="no correction 2026-10-c9: an editor drafts it"):
            call_command("freeze_issue", "2026-10-c9", "--json")

    @pytest.mark.parametrize("name", ["2026-10-x1", "2026-10-c0", "october"])
    def test_refuse_what_is_no_name(self, name, db):
        with pytest.raises(Error, match="write it like 2026-10"):
            call_command("freeze_issue", name, "--json")


class TestLatecomers:
    """Nobody who joins in time is left out, and nobody is welcomed with the wrong issue."""

    def test_who_joins_between_approval_and_sending_is_included(self, members, approver):
        page = factories.entry(title="For everyone")
        one = factories.issue(pages=[page])
        one = approve(one, by=approver)
        waiting = factories.subscription("late@example.org", state=Subscription.State.PENDING)
        Subscription.objects.filter(pk=waiting.pk).update(state="active", confirmed_at="2026-11-01T09:00Z")
        assert "late" in send(one)

    def test_welcome_carries_the_latest_issue_that_was_not_cancelled(self, sent):
        later = factories.issue("2026-11", pages=[factories.entry()], live=True)
        factories.sent(later)
        assert latest_issue().link.endswith("/e-news/2026-11/")
        set_mailing(later, Mailing.State.CANCELLED)
        assert latest_issue().link.endswith("/e-news/2026-10/")
