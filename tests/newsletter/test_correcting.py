"""A correction goes to exactly those who received the entry that was wrong, and is an issue like any other."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageLogEntry

from membership import services
from membership.audiences import assign_audiences
from membership.models import ConsentRecord, Subscription
from newsletter.approving import approve
from newsletter.compiling import IssueError
from newsletter.correcting import draft, received
from newsletter.deciding import Choice, decide
from newsletter.models import Delivery, Edition, EditionItem, Issue, Item, Mailing
from tests import factories
from tests.newsletter.aftermath import freeze_only, item, published, reasons, send, staff, worded
from tests.newsletter.fakes import erase, set_mailing

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


def person(name: str) -> Subscription:
    return Subscription.objects.select_related("member__user").get(member__user__email=f"{name}@example.org")


class TestDraft:
    def test_is_named_after_the_issue_and_carries_nothing(self, sent, editor):
        one = draft(item(sent), editor)
        assert (one.period, one.slug, one.subject) == ("2026-10-c1", "2026-10-c1", "Correction: For health")
        assert one.is_correction
        assert (one.live, one.items.count(), one.introduction) == (False, 0, "")
        assert one.get_parent().specific.slug == "e-news"

    def test_second_press_leads_to_the_draft_that_is_waiting(self, sent, editor):
        one = draft(item(sent), editor)
        again = draft(item(sent), staff("other@example.org"))
        assert again.pk == one.pk
        assert Issue.objects.count() == 2

    def test_is_made_anew_once_the_first_has_gone_out(self, sent, editor):
        first = published(draft(item(sent), editor))
        send(first)
        assert draft(item(sent), editor).period == "2026-10-c2"

    def test_of_two_items_have_two_numbers(self, sent, editor):
        names = [draft(item(sent, title), editor).period for title in ("For health", "For schools")]
        assert names == ["2026-10-c1", "2026-10-c2"]

    def test_says_what_the_mail_said_even_when_the_entry_has_a_new_title(self, sent, editor):
        Item.objects.filter(pk=item(sent).pk).update(headline="A free clinic")
        assert draft(item(sent), editor).subject == "Correction: A free clinic"

    def test_long_headline_fits_a_subject(self, sent, editor):
        Item.objects.filter(pk=item(sent).pk).update(headline="x" * 120)
        one = draft(item(sent), editor)
        assert one.subject.startswith("Correction: xxx")
        assert len(one.subject) == 120

    def test_needs_somebody_who_received_it(self, issue, members, editor):
        with pytest.raises(IssueError, match="Nobody"):
            draft(item(issue), editor)
        assert Issue.objects.count() == 1

    def test_is_in_the_log_of_both(self, sent, editor):
        one = draft(item(sent), editor)
        entries = PageLogEntry.objects.filter(action="newsletter.correct", user=editor)
        assert {entry.page_id for entry in entries} == {sent.pk, one.pk}


class TestApproval:
    def test_refuses_one_that_says_nothing(self, sent, editor, approver):
        with pytest.raises(IssueError, match="what was wrong"):
            approve(draft(item(sent), editor), by=approver)

    def test_takes_a_second_person(self, sent, editor, approver):
        one = worded(draft(item(sent), editor), by=approver)
        for hand in (editor, approver):
            with pytest.raises(IssueError, match="colleague"):
                approve(one, by=hand)
        assert approve(one, by=staff("third@example.org")).live

    def test_keeps_the_words_of_the_corrected_entry(self, sent, editor, approver):
        page = item(sent).page.specific
        page.summary = "Put right."
        page.save_revision().publish()
        one = approve(worded(draft(item(sent), editor), by=editor), by=approver)
        page.summary = "Changed after the approval."
        page.save_revision().publish()
        freeze_only(one)
        text = Edition.objects.get(issue=one).text
        assert "Put right." in text
        assert "Changed after" not in text


class TestRecipients:
    def test_are_exactly_those_who_received_the_item(self, sent, editor):
        assert received(item(sent)).members == 3
        one = published(draft(item(sent), editor))
        assert send(one) == ["ada", "bea", "dot"]
        assert factories.states(one) == {"sent": 3}

    def test_of_an_item_for_fewer_are_fewer(self, sent, editor):
        one = published(draft(item(sent, "For health in the North East"), editor))
        assert send(one) == ["ada", "bea"]

    def test_are_those_of_then_whatever_they_have_chosen_since(self, sent, editor):
        ada = person("ada")
        ada.member.sectors.set([factories.sector("schools")])
        ada.frequency = Subscription.Frequency.QUARTERLY
        ada.save()
        factories.subscription("new@example.org", sectors=["health"])
        assert send(published(draft(item(sent), editor))) == ["ada", "bea", "dot"]

    def test_who_may_not_be_mailed_any_more_is_in_the_ledger_with_the_reason(self, sent, editor):
        services.unsubscribe(subscription=person("ada"), channel=ConsentRecord.Channel.PREFERENCES)
        services.pause(subscription=person("bea"), until=None)
        services.suppress(address_hash=person("dot").member.user.address_hash, reason="bounced")
        one = published(draft(item(sent), editor))
        mailing = freeze_only(one)
        assert reasons(one) == {"ada": "unsubscribed", "bea": "paused", "dot": "suppressed"}
        assert mailing.frozen == 3

    def test_who_leaves_between_freeze_and_sending_is_skipped(self, sent, editor):
        one = published(draft(item(sent), editor))
        freeze_only(one)
        services.unsubscribe(subscription=person("ada"), channel=ConsentRecord.Channel.PREFERENCES)
        assert send(one) == ["bea", "dot"]
        assert reasons(one)["ada"] == "unsubscribed"

    def test_who_may_still_be_reached_is_decided_about_first(self, sent, editor):
        """A repeat of what is unknown would bring the wrong words after their correction."""
        Delivery.objects.filter(issue=sent, member=person("ada").member).update(state="unknown", reason="lost")
        found = received(item(sent))
        assert (found.members, found.unknown) == (2, 1)
        correction = published(draft(item(sent), editor))
        with pytest.raises(IssueError, match="decide about them first"):
            send(correction)
        decide(sent, Choice.TREAT_AS_SENT, reason="It arrived", by=None)
        assert send(correction) == ["ada", "bea", "dot"]

    def test_who_was_not_reached_then_is_not_corrected(self, sent, editor):
        Delivery.objects.filter(issue=sent, member=person("ada").member).update(state="failed", reason="no mailbox")
        assert send(published(draft(item(sent), editor))) == ["bea", "dot"]

    def test_who_has_gone_is_counted_and_cannot_be_reached(self, sent, editor):
        erase(person("ada"))
        found = received(item(sent))
        assert (found.members, found.gone) == (2, 1)
        assert send(published(draft(item(sent), editor))) == ["bea", "dot"]

    def test_second_correction_reaches_the_same_people_once_each(self, sent, editor):
        send(published(draft(item(sent), editor)))
        assert received(item(sent)).members == 3
        second = published(draft(item(sent), editor))
        assert send(second) == ["ada", "bea", "dot"]
        assert Delivery.objects.filter(issue=second).count() == 3

    def test_are_written_in_one_statement_whatever_their_number(self, sent, editor):
        def queries(correction: Issue) -> tuple[int, int]:
            with CaptureQueriesContext(connection) as ran:
                freeze_only(correction)
            inserts = [one["sql"] for one in ran if "INSERT INTO newsletter_delivery" in one["sql"]]
            return len(inserts), len(ran)

        few = queries(published(draft(item(sent), editor)))
        edition = Edition.objects.filter(issue=sent, places__item=item(sent)).first()
        more = [factories.subscription() for _ in range(40)]
        Delivery.objects.bulk_create(
            Delivery(issue=sent, edition=edition, member=one.member, state="sent") for one in more
        )
        assign_audiences()  # theirs is another work
        second = published(draft(item(sent), editor))
        inserts, ran = queries(second)
        assert (inserts, ran) == (1, few[1])
        assert Delivery.objects.filter(issue=second).count() == 43


class TestQuarterly:
    @pytest.fixture
    def quarterly(self, sent) -> Issue:
        """December, which carries October's entries to the one reader who wants three months at once."""
        factories.subscription("una@example.org", frequency="quarterly")
        return factories.issue("2026-12", pages=[factories.entry(title="December’s own")], live=True)

    def test_who_received_the_item_through_a_later_issue_counts(self, sent, quarterly, editor):
        assert "una" in send(quarterly)
        carried = EditionItem.objects.filter(edition__issue=quarterly, item=item(sent))
        assert carried.exists()
        one = published(draft(item(sent), editor))
        assert one.period == "2026-10-c1"
        assert send(one) == ["ada", "bea", "dot", "una"]

    def test_waits_while_an_issue_that_carries_it_may_still_reach_somebody(self, sent, quarterly, editor):
        freeze_only(quarterly)
        one = published(draft(item(sent), editor))
        with pytest.raises(IssueError, match="December 2026 e-news, which carries the entry"):
            freeze_only(one)
        assert one.get_mailing() is None
        set_mailing(quarterly, Mailing.State.CANCELLED)
        assert freeze_only(one).frozen == 3
