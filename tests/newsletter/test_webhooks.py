"""Who may report provider events: only a provider whose reports can be authenticated."""

import base64
import json

import pytest
from anymail.exceptions import AnymailImproperlyInstalled
from django.test import Client

from newsletter import intake
from newsletter.models import ProviderEvent, RawReport
from newsletter.providers import PROVIDERS

pytestmark = pytest.mark.django_db
SECRET = {"authorization": "Basic " + base64.b64encode(b"webhook:for-tests").decode()}
DELIVERED = json.dumps(
    {
        "RecordType": "Delivery",
        "MessageID": "00000000-0000-0000-0000-000000000001",
        "Recipient": "somebody@example.org",
        "DeliveredAt": "2026-11-02T08:00:00Z",
        "Metadata": {"delivery": "1"},
    }
)


def post(esp, headers=None):
    address = f"/webhooks/{esp}/tracking/"
    return Client(enforce_csrf_checks=True).post(address, DELIVERED, "application/json", headers=headers)


def test_a_report_with_the_secret_is_kept():
    assert post("postmark", SECRET).status_code == 200
    assert not ProviderEvent.objects.exists(), "it is read behind the answer"
    intake.read_all()
    assert ProviderEvent.objects.get().event_type == "delivered"


def test_a_report_without_or_with_the_wrong_secret_is_refused():
    wrong = {"authorization": "Basic " + base64.b64encode(b"webhook:guess").decode()}
    assert post("postmark").status_code in {400, 401, 403}
    assert post("postmark", wrong).status_code in {400, 401, 403}
    assert not RawReport.objects.exists()


def test_without_a_secret_of_ours_there_is_no_webhook(settings):
    settings.ANYMAIL = {}
    assert {esp: post(esp, SECRET).status_code for esp in PROVIDERS} == dict.fromkeys(PROVIDERS, 404)


def test_a_provider_that_signs_needs_its_signing_key(settings):
    assert post("mailgun", SECRET).status_code == 404
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": "key"}
    assert post("mailgun", SECRET).status_code in {400, 401, 403}


def test_a_provider_whose_package_is_missing_has_no_webhook(monkeypatch):
    def missing(kwargs: object) -> None:
        raise AnymailImproperlyInstalled("boto3")

    monkeypatch.setattr("anymail.webhooks.amazon_ses._get_anymail_boto3_params", missing)
    assert [post("amazon_ses", SECRET).status_code, Client().get("/webhooks/amazon_ses/tracking/").status_code] == [
        404
    ] * 2


def test_unknown_providers_and_inbound_mail_are_not_found():
    assert post("nobody").status_code == 404
    assert Client().post("/webhooks/postmark/inbound/").status_code == 404
