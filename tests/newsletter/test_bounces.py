"""Hard and soft bounces: what suppresses at once, what only after months, and what never."""

from datetime import UTC, datetime, timedelta

import pytest

from membership.models import Subscription, Suppression
from newsletter.bounces import SOFT_FOR, SOFT_ISSUES, verdict
from newsletter.models import Delivery, ProviderEvent
from newsletter.reported import Reported, record_provider_events
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand
from tests.newsletter.posting import record_provider_event

BEGUN = datetime(2026, 1, 5, 9, tzinfo=UTC)
MONTH = timedelta(days=31)


@pytest.fixture
def ada(db) -> Subscription:
    return factories.subscription("ada@example.org")


@pytest.fixture
def deliveries(ada) -> list[Delivery]:
    """Ada's issues of five months, all sent."""
    for month in range(1, 6):
        send_by_hand(open_mailing([ada], period=f"2026-{month:02}"))
    return list(Delivery.objects.order_by("issue"))


def told(delivery: Delivery, event: str, at: datetime, verdict: str = "", **more: object) -> Reported:
    known = {"provider": "esp", "event_type": event, "event_id": f"{event}-{delivery.pk}-{at}", "happened_at": at}
    return Reported(**known | {"metadata": {"delivery": str(delivery.pk)}, "verdict": verdict} | more)


def soft(delivery: Delivery, at: datetime, **more: object) -> Reported:
    return told(delivery, "bounced", at, "soft", **more)


def monthly(deliveries: list[Delivery]) -> list[Reported]:
    return [soft(one, BEGUN + number * MONTH) for number, one in enumerate(deliveries)]


def test_the_third_issue_in_a_row_over_two_months_suppresses(deliveries):
    reports = monthly(deliveries)
    record_provider_events(reports[: SOFT_ISSUES - 1])
    assert not Suppression.objects.exists()
    record_provider_events(reports[SOFT_ISSUES - 1 : SOFT_ISSUES])
    assert Suppression.objects.get().reason == "bounced"
    assert Subscription.objects.get().state == "active", "the consent stays: the mailbox may come back"


@pytest.mark.parametrize("together", [True, False])
def test_in_any_order(deliveries, together):
    reports = monthly(deliveries[:3])[::-1]
    if together:
        record_provider_events(reports)
    else:
        for one in reports:
            record_provider_events([one])
    assert Suppression.objects.count() == 1


def test_not_within_two_months(deliveries):
    step = SOFT_FOR / 4 - timedelta(hours=1)
    record_provider_events(soft(one, BEGUN + number * step) for number, one in enumerate(deliveries))
    assert not Suppression.objects.exists()


def test_many_bounces_of_one_issue_are_one(deliveries):
    record_provider_events(soft(deliveries[0], BEGUN + number * MONTH) for number in range(5))
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reversed"])
def test_several_bounces_of_one_issue_may_come_in_any_order(deliveries, order):
    first = [soft(deliveries[0], BEGUN), soft(deliveries[0], BEGUN + timedelta(days=20))]
    for one in [*first[::order], *monthly(deliveries[:3])[1:]]:
        record_provider_events([one])
    assert Suppression.objects.exists(), "from the first bounce to the last it was two months"


@pytest.mark.parametrize("event", ["delivered", "opened", "clicked", "sent"])
def test_one_that_arrived_in_between_begins_the_row_anew(deliveries, event):
    reports = monthly(deliveries[:4])
    reports[1] = told(deliveries[1], event, BEGUN + MONTH)
    record_provider_events(reports)
    assert not Suppression.objects.exists()


def test_one_that_arrived_after_all_does_not_count(deliveries):
    reports = [told(deliveries[2], "delivered", BEGUN + 3 * MONTH), *monthly(deliveries[:3])]
    record_provider_events(reports)
    assert not Suppression.objects.exists()


def test_an_issue_of_which_nothing_was_reported_says_nothing(deliveries):
    record_provider_events([*monthly(deliveries[:2]), soft(deliveries[4], BEGUN + 4 * MONTH)])
    assert Suppression.objects.count() == 1


@pytest.mark.parametrize("reason", ["blocked", "spam"])
def test_blocks_say_nothing_about_the_mailbox(deliveries, reason):
    record_provider_events(
        soft(one, BEGUN + number * MONTH, reject_reason=reason) for number, one in enumerate(deliveries)
    )
    assert ProviderEvent.objects.filter(verdict="soft").count() == 5
    assert not Suppression.objects.exists()


def test_hard_suppresses_at_once_whatever_it_is_called(deliveries):
    record_provider_events([told(deliveries[0], "rejected", BEGUN, "hard")])
    assert Suppression.objects.get().reason == "bounced"


def test_the_address_that_bounced_is_suppressed_not_the_one_that_came_after_it(deliveries, ada):
    record_provider_events([told(deliveries[0], "bounced", BEGUN, "hard", recipient="Old.Ada@example.org")])
    assert Suppression.objects.get().address_hash != ada.member.user.address_hash


@pytest.mark.parametrize("recipient", ["ADA@example.org", None, "", "no address"])
def test_the_same_address_in_any_spelling_is_hers(deliveries, ada, recipient):
    record_provider_events([told(deliveries[0], "bounced", BEGUN, "hard", recipient=recipient)])
    assert Suppression.objects.get().address_hash == ada.member.user.address_hash


def test_a_bounce_that_does_not_say_is_soft():
    assert verdict("Nobody we know", "bounced", {"anything": 1}) == "soft"
    assert verdict("Postmark", "bounced", None) == "soft"
    assert verdict("Postmark", "delivered", {"RecordType": "Delivery", "Details": "250 2.0.0 OK"}) == ""


class TestSharedMessageIds:
    """Some providers give all messages of one call the same id."""

    @pytest.fixture
    def pair(self, db) -> list[Delivery]:
        issue = open_mailing([factories.subscription("ada@example.org"), factories.subscription("bob@example.org")])
        send_by_hand(issue)
        Delivery.objects.update(message_id="shared")
        return list(Delivery.objects.order_by("pk"))

    def report(self, recipient, message="shared"):
        return record_provider_event(
            provider="esp", event_type="delivered", message_id=message, recipient=recipient, event_id=str(recipient)
        )

    def test_the_recipient_tells_them_apart(self, pair):
        assert self.report("Bob@example.org").delivery == pair[1]
        assert self.report("ada@example.org").delivery == pair[0]

    @pytest.mark.parametrize("recipient", [None, "", "somebody@example.org", "rubbish"])
    def test_without_one_it_is_nobodys(self, pair, recipient):
        assert self.report(recipient).delivery is None

    def test_an_id_of_one_only_needs_no_recipient(self, pair):
        Delivery.objects.filter(pk=pair[0].pk).update(message_id="own")
        assert self.report(None, "own").delivery == pair[0]
