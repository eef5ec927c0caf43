"""The way into the ledger: claiming rows, and the last check before they are handed over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from membership import services
from membership.models import ConsentRecord, Subscription, Suppression
from newsletter import ledger
from newsletter.models import Delivery
from newsletter.tokens import delivery_token, token_hash
from newsletter.tracking import find_delivery
from tests import factories
from tests.newsletter.fakes import erase, expire_leases, open_mailing, set_mailing
from tests.newsletter.moves import A, B, State, claim, finish, mark, rows


@pytest.fixture
def people(db):
    return [factories.subscription(f"person-{place}@example.org", first_name=f"P{place}") for place in range(5)]


@pytest.fixture
def issue(people):
    return open_mailing(people)


class TestClaim:
    def test_takes_the_oldest_up_to_the_limit(self, issue):
        before = rows(issue)
        claimed = claim(issue, limit=2)
        assert [(row.delivery, row.nonce) for row in claimed] == [(row.pk, row.nonce) for row in before[:2]]
        assert factories.states(issue) == {"claimed": 2, "pending": 3}
        held = rows(issue)[0]
        assert held.attempt == A
        assert held.lease_until > timezone.now()

    def test_two_workers_never_get_the_same_row(self, issue):
        mine, theirs = claim(issue, A, 3), claim(issue, B, 3)
        assert len(mine) == 3
        assert len(theirs) == 2
        assert not {row.delivery for row in mine} & {row.delivery for row in theirs}

    def test_leaves_other_issues_alone(self, issue, people):
        other = open_mailing(people, period="2026-11")
        claim(issue)
        assert factories.states(other) == {"pending": 5}

    @pytest.mark.parametrize("state", [state for state in State if state != State.PENDING])
    def test_takes_only_what_is_pending(self, issue, state):
        Delivery.objects.filter(issue=issue).update(state=state, reason="test", attempt=B, lease_until=timezone.now())
        assert claim(issue) == []

    def test_lease_has_the_length_that_is_set(self, issue, settings):
        settings.SEND_LEASE_SECONDS = 7200
        claim(issue)
        assert rows(issue)[0].lease_until > timezone.now() + timedelta(seconds=7000)


class TestMarkSending:
    def test_returns_what_is_needed_to_send(self, issue, people):
        Subscription.objects.filter(pk=people[1].pk).update(track_clicks=True)
        marked = mark(issue)
        first, second = marked.ready[:2]
        assert (first.address, first.first_name) == ("person-0@example.org", "P0")
        assert (first.track_opens, first.track_clicks) == (False, False)
        assert (second.track_opens, second.track_clicks) == (False, True)
        row = rows(issue)[0]
        assert (row.state, row.attempts, row.edition_id) == (State.SENDING, 1, first.edition)
        assert len(marked.ready) == 5
        assert marked.skipped == 0

    def test_keeps_only_the_hash_of_the_token(self, issue):
        assert find_delivery(delivery_token(rows(issue)[0].nonce)) is None
        ready = mark(issue).ready[0]
        row = rows(issue)[0]
        assert row.token_hash == token_hash(ready.token) != ready.token
        assert find_delivery(ready.token) == row

    def test_gives_everybody_another_token(self, issue):
        assert len({row.token for row in mark(issue).ready}) == 5

    def test_wrong_attempt_gets_nothing(self, issue):
        claimed = claim(issue, A)
        assert ledger.mark_sending(issue=issue.pk, attempt=B, rows=claimed) == ledger.Marked([], 0)
        assert factories.states(issue) == {"claimed": 5}

    def test_expired_lease_gets_nothing(self, issue):
        claimed = claim(issue)
        expire_leases(issue)
        assert ledger.mark_sending(issue=issue.pk, attempt=A, rows=claimed) == ledger.Marked([], 0)
        assert factories.states(issue) == {"claimed": 5}

    def test_second_time_gets_nothing(self, issue):
        claimed = claim(issue)
        assert ledger.mark_sending(issue=issue.pk, attempt=A, rows=claimed).ready
        assert ledger.mark_sending(issue=issue.pk, attempt=A, rows=claimed) == ledger.Marked([], 0)
        assert rows(issue)[0].attempts == 1

    @pytest.mark.parametrize("state", ["frozen", "paused", "cancelled", "finished"])
    def test_mailing_that_is_not_open_gets_nothing(self, issue, state):
        claimed = claim(issue)
        set_mailing(issue, state)
        assert ledger.mark_sending(issue=issue.pk, attempt=A, rows=claimed) == ledger.Marked([], 0)
        assert factories.states(issue) == {"claimed": 5}

    def test_nothing_to_mark_is_no_error(self, issue):
        assert ledger.mark_sending(issue=issue.pk, attempt=A, rows=[]) == ledger.Marked([], 0)

    def test_renews_the_lease(self, issue):
        claimed = claim(issue)
        soon = timezone.now() + timedelta(seconds=5)
        Delivery.objects.update(lease_until=soon)
        ledger.mark_sending(issue=issue.pk, attempt=A, rows=claimed)
        assert rows(issue)[0].lease_until > soon + timedelta(seconds=60)


def leaves(person: Subscription) -> None:
    services.unsubscribe(subscription=person, channel=ConsentRecord.Channel.ONE_CLICK)


def pauses(person: Subscription) -> None:
    services.pause(subscription=person)


def is_suppressed(person: Subscription) -> None:
    services.suppress(address_hash=person.member.user.address_hash, reason=Suppression.Reason.COMPLAINED)


def must_confirm_again(person: Subscription) -> None:
    Subscription.objects.filter(pk=person.pk).update(state="pending")


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (leaves, "unsubscribed"),
        (pauses, "paused"),
        (is_suppressed, "suppressed"),
        (erase, "erased"),
        (must_confirm_again, "not confirmed"),
    ],
)
class TestChangeOfMind:
    def test_between_claim_and_mark_is_skipped_with_the_reason(self, issue, people, happens, reason):
        claimed = claim(issue)
        happens(people[2])
        marked = ledger.mark_sending(issue=issue.pk, attempt=A, rows=claimed)
        assert marked.skipped == 1
        assert [row.first_name for row in marked.ready] == ["P0", "P1", "P3", "P4"]
        row = rows(issue)[2]
        assert (row.state, row.reason) == (State.SKIPPED, reason)
        assert row.finished_at

    def test_while_waiting_for_another_try_is_skipped_too(self, issue, people, happens, reason):
        marked = mark(issue)
        finish(marked, state=State.RETRY_WAIT, reason="later", next_attempt_at=timezone.now())
        happens(people[2])
        ledger.wake(issue=issue.pk)
        assert len(mark(issue, B).ready) == 4
        assert rows(issue)[2].reason == reason
