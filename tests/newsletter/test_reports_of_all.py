"""Whichever provider reports: fifty-fold, reversed, early, of unknown deliveries, huge."""

import uuid

import pytest
from django.core.cache import cache
from django.db.models import F

from membership.models import Subscription, Suppression
from newsletter import intake, ledger
from newsletter.models import Delivery, Departure, Hit, ProviderEvent, RawReport, Rollup
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand
from tests.newsletter.posting import BASIC, DELIVERY, MESSAGE_IDS, REPORTING, anymail_settings, files, post, raw

pytestmark = pytest.mark.parametrize("provider", REPORTING)


@pytest.fixture(autouse=True)
def keys(settings, monkeypatch):
    settings.ANYMAIL = anymail_settings()
    monkeypatch.setattr("anymail.webhooks.amazon_ses._get_anymail_boto3_params", lambda kwargs: ({}, {}))
    cache.clear()


@pytest.fixture
def delivery(db, provider) -> Delivery:
    issue = open_mailing([factories.subscription("ada@example.org")])
    Delivery.objects.update(id=DELIVERY)
    send_by_hand(issue)
    Delivery.objects.update(message_id=MESSAGE_IDS.get(provider, "another"))
    return Delivery.objects.get()


def store(rows: list[RawReport]) -> None:
    """As if each had come by itself, though the same had come before in another call."""
    for number, row in enumerate(rows):
        row.digest = f"{number}"
    RawReport.objects.bulk_create(rows)


def test_fifty_fold_in_calls_of_their_own_is_one_event(delivery, provider):
    store([raw(provider, "hard_bounce") for _ in range(50)])
    assert intake.read_all().events == 1
    assert ProviderEvent.objects.get().delivery == delivery
    assert Suppression.objects.get().reason == "bounced"


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reversed"])
def test_all_it_can_report_in_any_order_comes_to_the_same(delivery, provider, order):
    Delivery.objects.update(state="unknown", reason="test")
    names = [path.stem for path in files(provider)]
    for name in names[::order]:  # one by one: each finds what those before it have left behind
        RawReport.objects.all().delete()
        store([raw(provider, name)])
        assert intake.read_all().failed == 0
    kinds = set(ProviderEvent.objects.values_list("event_type", flat=True))
    assert set(ProviderEvent.objects.values_list("delivery", flat=True)) == {DELIVERY}
    assert Suppression.objects.get().reason == ("complained" if "complained" in kinds else "bounced")
    assert Subscription.objects.get().state == ("ended" if kinds & {"complained", "unsubscribed"} else "active")
    assert Delivery.objects.get().state == "sent"


def test_whoever_leaves_by_the_provider_has_left_by_that_mail(delivery, provider):
    if provider in {"amazon_ses", "postal", "resend"}:
        assert "unsubscribed" not in {path.stem for path in files(provider)}, "it does not report that"
        return
    store([raw(provider, "unsubscribed") for _ in range(2)])
    intake.read_all()
    assert Departure.objects.get().delivery_id == DELIVERY
    assert Rollup.objects.get().stale_since
    Departure.objects.all().delete()
    RawReport.objects.update(processed_at=None)
    ProviderEvent.objects.all().delete()
    intake.read_all()
    assert not Departure.objects.exists(), "who has left already does not leave by it"


def test_whoever_complains_is_no_departure(delivery, provider):
    if provider == "postal":
        assert "complaint" not in {path.stem for path in files(provider)}, "it does not report that"
        return
    store([raw(provider, "complaint")])
    intake.read_all()
    assert Subscription.objects.get().state == "ended"
    assert not Departure.objects.exists()


def pass_time(pause: int) -> None:
    """As if everything had come so long ago."""
    RawReport.objects.update(received_at=F("received_at") - intake.PAUSES[pause])


@pytest.mark.parametrize("pause", [1, 2], ids=["a minute later", "five minutes later"])
@pytest.mark.parametrize("name", ["hard_bounce", "opened"])
def test_faster_than_our_own_record_of_the_hand_over(db, provider, name, pause):
    """Until the worker writes down the provider's message id, only metadata leads to the delivery."""
    issue, attempt = open_mailing([factories.subscription("ada@example.org", track_opens=True)]), uuid.uuid4()
    Delivery.objects.update(id=DELIVERY)
    claimed = ledger.claim(issue=issue.pk, attempt=attempt, limit=9)
    ledger.mark_sending(issue=issue.pk, attempt=attempt, rows=claimed)
    store([raw(provider, name)])
    for _ in range(3):
        assert intake.read_all().failed == 0
    assert ProviderEvent.objects.count() == (provider not in MESSAGE_IDS)
    message_id = MESSAGE_IDS.get(provider, "another")
    ledger.finish(attempt=attempt, state=Delivery.State.SENT, rows=[(DELIVERY, message_id)])
    pass_time(pause)
    intake.read_all()
    assert ProviderEvent.objects.get().delivery_id == DELIVERY
    assert RawReport.objects.get().processed_at
    assert Suppression.objects.exists() == (name == "hard_bounce")
    assert Hit.objects.exists() == (name == "opened")


def test_of_a_delivery_we_do_not_know_it_harms_nobody(delivery, provider):
    Delivery.objects.update(id=DELIVERY + 1, message_id="another")
    store([raw(provider, path.stem) for path in files(provider)])
    for _ in intake.PAUSES[:3]:
        assert intake.read_all().failed == 0
        pass_time(2)
    assert not RawReport.objects.filter(processed_at=None).exists(), "nothing waits for ever"
    assert set(ProviderEvent.objects.values_list("delivery", flat=True)) == {None}
    assert not Suppression.objects.exists()
    assert Subscription.objects.get().state == "active"


def test_huge_is_refused(db, provider):
    row = raw(provider, "hard_bounce")
    row.body = b" " * (intake.LARGEST + 1)
    assert post(provider, row, BASIC).status_code == 413
    assert not RawReport.objects.exists()
