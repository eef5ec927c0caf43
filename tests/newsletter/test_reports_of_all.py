"""Whichever provider reports: fifty-fold, reversed, of unknown deliveries, huge."""

import pytest
from django.core.cache import cache

from membership.models import Subscription, Suppression
from newsletter import intake
from newsletter.models import Delivery, ProviderEvent, RawReport
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
    assert Delivery.objects.get().state in {"sent", "failed"}


def test_of_a_delivery_we_do_not_know_it_harms_nobody(delivery, provider):
    Delivery.objects.update(id=DELIVERY + 1, message_id="another")
    store([raw(provider, path.stem) for path in files(provider)])
    assert intake.read_all().failed == 0
    assert set(ProviderEvent.objects.values_list("delivery", flat=True)) == {None}
    assert not Suppression.objects.exists()
    assert Subscription.objects.get().state == "active"


def test_huge_is_refused(db, provider):
    row = raw(provider, "hard_bounce")
    row.body = b" " * (intake.LARGEST + 1)
    assert post(provider, row, BASIC).status_code == 413
    assert not RawReport.objects.exists()
