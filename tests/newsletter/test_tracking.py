"""What the provider reports, through Anymail's own webhook: believed once, whenever and in whatever order it comes."""

import base64
import json
import uuid

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from membership import services
from membership.models import ConsentRecord, Subscription, Suppression
from newsletter import intake, ledger
from newsletter.models import Delivery, Issue, ProviderEvent, RawReport
from newsletter.recovery import recover, recover_issue
from newsletter.reported import EARLY
from tests import factories
from tests.newsletter.fakes import erase, expire_leases, open_mailing, send_by_hand

WEBHOOK = "/webhooks/postmark/tracking/"
SECRET = "webhook:for-tests"


@pytest.fixture
def ada(db) -> Subscription:
    return factories.subscription("ada@example.org")


@pytest.fixture
def issue(ada) -> Issue:
    return open_mailing([ada])


@pytest.fixture
def delivery(issue) -> Delivery:
    send_by_hand(issue)
    return Delivery.objects.get(issue=issue)


def basic(secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def payload(kind: str, delivery: Delivery | None = None, **more: object) -> dict[str, object]:
    """What Postmark posts (developer docs, “Delivery webhook”, “Bounce webhook”, “Spam complaint webhook”)."""
    known = {
        "Delivery": {"DeliveredAt": "2026-11-02T09:00:00Z", "Recipient": "ada@example.org", "Details": "250 OK"},
        "Bounce": {"ID": 4242, "Type": "HardBounce", "BouncedAt": "2026-11-02T09:01:00Z", "Email": "ada@example.org"},
        "SpamComplaint": {
            "ID": 4343,
            "Type": "SpamComplaint",
            "BouncedAt": "2026-11-02T10:00:00Z",
            "Email": "ada@example.org",
        },
    }[kind]
    metadata = {"delivery": str(delivery.pk), "issue": "2026-10"} if delivery else {}
    return {"RecordType": kind, "MessageID": "b7bc2f4a", "Metadata": metadata, **known, **more}


def report(content: dict[str, object], *, secret: str = SECRET, client: Client | None = None) -> int:
    client = client or Client(enforce_csrf_checks=True, raise_request_exception=False)
    response = client.post(WEBHOOK, json.dumps(content), content_type="application/json", headers=basic(secret))
    intake.read_all()
    return response.status_code


def in_doubt(issue: Issue) -> Delivery:
    """A delivery whose worker stopped while handing it over."""
    begin(issue)
    expire_leases(issue)
    recover_issue(issue.pk)
    delivery = Delivery.objects.get(issue=issue)
    assert delivery.state == "unknown"
    return delivery


def begin(issue: Issue) -> Delivery:
    attempt = uuid.uuid4()
    ledger.mark_sending(issue=issue.pk, attempt=attempt, rows=ledger.claim(issue=issue.pk, attempt=attempt, limit=9))
    return Delivery.objects.get(issue=issue)


class TestRecording:
    def test_finds_the_delivery_by_our_id(self, delivery):
        assert report(payload("Delivery", delivery)) == 200
        event = ProviderEvent.objects.get()
        assert (event.delivery, event.provider, event.event_type) == (delivery, "Postmark", "delivered")
        assert event.happened_at == parse_datetime("2026-11-02T09:00:00Z")

    def test_finds_the_delivery_by_the_providers_message_id(self, delivery):
        assert report(payload("Delivery", MessageID=delivery.message_id)) == 200
        assert ProviderEvent.objects.get().delivery == delivery

    @pytest.mark.parametrize("kind", ["Delivery", "Bounce", "SpamComplaint"])
    def test_fifty_times_is_once(self, delivery, kind):
        for _ in range(50):
            assert report(payload(kind, delivery)) == 200
        assert ProviderEvent.objects.count() == 1

    def test_different_events_are_different_rows(self, delivery):
        report(payload("Delivery", delivery))
        report(payload("Delivery", delivery, DeliveredAt="2026-11-02T09:00:01Z"))
        report(payload("Bounce", delivery))
        assert ProviderEvent.objects.filter(delivery=delivery).count() == 3

    @pytest.mark.parametrize(
        "metadata", [{}, {"delivery": "999999"}, {"delivery": "x"}, {"delivery": "9" * 40}, {"delivery": "٣"}]
    )
    def test_unknown_ids_are_kept_without_a_delivery(self, delivery, metadata):
        assert report(payload("SpamComplaint", Metadata=metadata)) == 200
        RawReport.objects.update(received_at=timezone.now() - EARLY)
        intake.read_all()
        assert ProviderEvent.objects.get().delivery is None
        assert Subscription.objects.get().state == "active"

    def test_no_address_is_kept(self, delivery):
        report(payload("Bounce", delivery))
        assert "ada" not in str(ProviderEvent.objects.values().get())

    def test_event_of_somebody_erased_is_no_error(self, delivery, ada):
        erase(ada)
        assert report(payload("SpamComplaint", delivery)) == 200


class TestSecret:
    @pytest.mark.parametrize("secret", ["webhook:wrong", "", "webhook:", ":for-tests"])
    def test_wrong_one_is_refused(self, delivery, secret):
        assert report(payload("SpamComplaint", delivery), secret=secret) == 400
        assert ProviderEvent.objects.count() == 0
        assert Subscription.objects.get().state == "active"

    def test_missing_one_is_refused(self, delivery, client):
        response = client.post(WEBHOOK, json.dumps(payload("Bounce", delivery)), content_type="application/json")
        assert response.status_code == 400
        assert ProviderEvent.objects.count() == 0

    def test_get_is_refused(self, client, db):
        assert client.get(WEBHOOK).status_code == 405


class TestConsequences:
    def test_complaint_ends_the_subscription_and_suppresses_the_address(self, delivery, ada):
        report(payload("SpamComplaint", delivery))
        assert Subscription.objects.get().state == "ended"
        suppression = Suppression.objects.get()
        assert (suppression.address_hash, suppression.reason) == (ada.member.user.address_hash, "complained")
        record = ConsentRecord.objects.get()
        assert (record.act, record.channel) == ("withdrawn", "provider")

    def test_hard_bounce_suppresses_the_address_and_leaves_the_consent(self, delivery, ada):
        report(payload("Bounce", delivery))
        assert Suppression.objects.get().reason == "bounced"
        assert Subscription.objects.get().state == "active"

    @pytest.mark.parametrize("kind", ["Transient", "DnsError", "AutoResponder"])
    def test_delay_suppresses_nobody(self, delivery, kind):
        report(payload("Bounce", delivery, Type=kind))
        assert Suppression.objects.count() == 0

    def test_bounce_that_is_not_for_good_suppresses_nobody(self, delivery):
        """Postmark: “SoftBounce: unable to temporarily deliver”, such as a full mailbox; Anymail calls it bounced."""
        report(payload("Bounce", delivery, Type="SoftBounce"))
        report(payload("Bounce", delivery, ID=5, Type="VirusNotification"))
        assert ProviderEvent.objects.count() == 2
        assert Suppression.objects.count() == 0

    def test_crash_half_way_loses_nothing(self, delivery, monkeypatch):
        """The report is stored before anything is done about it: the second time it must count."""

        def crash(**kwargs):
            raise RuntimeError("something unforeseen")

        monkeypatch.setattr(services, "unsubscribe", crash)
        assert report(payload("SpamComplaint", delivery)) == 200
        assert not ProviderEvent.objects.exists(), "all of it or none"
        monkeypatch.undo()
        RawReport.objects.update(received_at=timezone.now() - intake.PAUSES[1])
        intake.read_all()
        assert Subscription.objects.get().state == "ended"
        assert not intake.waiting().exists()

    def test_reversed_order_comes_to_the_same(self, delivery):
        for kind in ("SpamComplaint", "Delivery"):
            report(payload(kind, delivery))
        assert Subscription.objects.get().state == "ended"
        assert Delivery.objects.get().state == "sent"
        assert set(ProviderEvent.objects.values_list("event_type", flat=True)) == {"complained", "delivered"}


class TestSettling:
    @pytest.mark.parametrize("kind", ["Delivery", "Bounce", "SpamComplaint"])
    def test_proof_that_it_was_taken_settles_unknown_as_sent(self, issue, kind):
        report(payload(kind, in_doubt(issue)))
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.reason[:26]) == ("sent", "settled: provider reported")

    def test_proof_that_it_was_refused_settles_unknown_as_failed(self, issue):
        report(payload("Bounce", in_doubt(issue), Type="Blocked"))
        assert Delivery.objects.get().state == "failed"

    @pytest.mark.parametrize("order", [1, -1], ids=["taken first", "refused first"])
    def test_proof_that_it_was_taken_outweighs_a_refusal_in_either_order(self, issue, order):
        delivery = in_doubt(issue)
        for content in [payload("Delivery", delivery), payload("Bounce", delivery, Type="Blocked")][::order]:
            report(content)
        assert Delivery.objects.get().state == "sent"
        assert Delivery.objects.get().reason.startswith(ledger.REPORTED)

    @pytest.mark.parametrize("state", ["pending", "claimed", "retry_wait", "skipped", "failed"])
    def test_no_other_state_is_changed(self, issue, state):
        Delivery.objects.update(state=state, reason="test", attempt=uuid.uuid4(), lease_until="2099-01-01T00:00Z")
        report(payload("Delivery", Delivery.objects.get()))
        assert Delivery.objects.get().state == state

    @pytest.mark.parametrize(("kind", "state"), [("HardBounce", "sent"), ("Blocked", "failed")])
    def test_early_report_settles_what_recovery_calls_unknown(self, issue, kind, state):
        """The provider is faster than our record of the hand-over, and then the worker stops."""
        report(payload("Bounce", begin(issue), Type=kind))
        expire_leases(issue)
        recover()
        assert Delivery.objects.get().state == state

    def test_early_report_settles_what_the_worker_calls_unknown(self, issue):
        """Its connection timed out, though the provider had taken the message; with that row the mailing ends."""
        delivery = begin(issue)
        report(payload("Delivery", delivery))
        ledger.finish(attempt=delivery.attempt, state="unknown", rows=[(delivery.pk, "")], reason="timeout")
        ledger.finish_mailing(issue=issue.pk)
        recover()
        assert Delivery.objects.get().state == "sent"
