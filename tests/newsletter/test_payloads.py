"""Real payloads of every provider whose reports we take: each becomes the right event, verdict and delivery."""

import pytest

from newsletter import intake
from tests.newsletter.posting import DELIVERY, MESSAGE_IDS, PAYLOADS, REPORTING, anymail_settings, files, named, raw

NOT_SAID = ""
# What a file of this name comes to, as (Anymail's event, verdict), …
USUAL = {
    "queued": ("queued", NOT_SAID),
    "sent": ("sent", NOT_SAID),
    "delivered": ("delivered", NOT_SAID),
    "deferred": ("deferred", NOT_SAID),
    "hard_bounce": ("bounced", "hard"),
    "legacy_hard_bounce": ("bounced", "hard"),
    "later_bounce": ("bounced", "hard"),
    "suppressed_bounce": ("bounced", "hard"),
    "soft_bounce": ("bounced", "soft"),
    "full_mailbox": ("bounced", "soft"),
    "policy_bounce": ("bounced", "soft"),
    "blocked": ("bounced", "soft"),
    "rejected": ("rejected", NOT_SAID),
    "failed": ("failed", NOT_SAID),
    "complaint": ("complained", NOT_SAID),
    "unsubscribed": ("unsubscribed", NOT_SAID),
    "group_unsubscribed": ("unsubscribed", NOT_SAID),
    "opened": ("opened", NOT_SAID),
    "proxy_opened": ("opened", NOT_SAID),
    "clicked": ("clicked", NOT_SAID),
}
# … and where a provider has names of its own.
UNUSUAL = {
    "amazon_ses/delayed": ("unknown", NOT_SAID),  # Anymail has no word for it yet
    "brevo/sent": ("queued", NOT_SAID),
    "brevo/blocked": ("rejected", NOT_SAID),  # by Brevo's own list
    "brevo/invalid": ("bounced", "hard"),
    "mailjet/blocked": ("rejected", NOT_SAID),
    "mailtrap/soft_bounce": ("deferred", "soft"),
    "postal/hard_bounce": ("failed", "hard"),
    "postal/blocked": ("failed", "soft"),
    "postal/held": ("queued", NOT_SAID),
    "postmark/autoresponse": ("autoresponded", NOT_SAID),
    "postmark/bad_address": ("rejected", "hard"),
    "postmark/blocked": ("rejected", "soft"),
    "postmark/dns_error": ("deferred", NOT_SAID),
    "sendgrid/dropped_bounce": ("rejected", "hard"),
    "sendgrid/dropped_unsubscribed": ("rejected", NOT_SAID),
    "sparkpost/generation_failure": ("failed", NOT_SAID),
    "sparkpost/policy": ("rejected", "soft"),
    "unisender_go/soft_bounce": ("deferred", "soft"),
}
SEVERAL = {
    "amazon_ses/validated": [],
    "mailjet/grouped": ["delivered", "opened"],
    "mailtrap/empty": [],
    "mandrill/empty": [],
    "sendgrid/batch": ["queued", "delivered", "opened"],
    "sendgrid/empty": [],
    "sparkpost/empty": [],
}
# What each must be tried with, unless the provider does not report it.
STORY = {"delivered", "deferred", "hard_bounce", "soft_bounce", "complaint", "unsubscribed", "opened", "clicked"}
NOT_REPORTED = {
    "amazon_ses": {"deferred", "unsubscribed"},
    "mailersend": {"deferred"},
    "mandrill": {"delivered"},  # it says “send” once the other side has taken it
    "postal": {"complaint", "unsubscribed"},
    "resend": {"unsubscribed"},
    "unisender_go": {"deferred"},  # its soft bounces are what Anymail calls deferred
}
ALL = [path for provider in REPORTING for path in files(provider)]


@pytest.fixture(autouse=True)
def keys(settings, monkeypatch):
    settings.ANYMAIL = anymail_settings()
    # boto3 is only needed to confirm a subscription, and not installed.
    monkeypatch.setattr("anymail.webhooks.amazon_ses._get_anymail_boto3_params", lambda kwargs: ({}, {}))


def test_every_provider_with_webhooks_has_payloads_and_no_other():
    assert sorted(path.name for path in PAYLOADS.iterdir()) == sorted([*REPORTING, "mailbox"])


@pytest.mark.parametrize("provider", REPORTING)
def test_every_kind_of_report_is_there(provider):
    assert STORY - NOT_REPORTED.get(provider, set()) <= {path.stem for path in files(provider)}


@pytest.mark.parametrize("path", [path for path in ALL if named(path) not in SEVERAL], ids=named)
def test_is_read_as(path):
    provider = path.parent.name
    (one,) = intake.events_of(raw(provider, path.stem))
    assert (one.event_type, one.verdict) == UNUSUAL.get(named(path), USUAL.get(path.stem))
    if provider in MESSAGE_IDS:
        assert (one.delivery, one.message) == (None, MESSAGE_IDS[provider])
    else:
        assert one.delivery == DELIVERY
        assert one.message
    assert one.recipient == "ada@example.org"
    assert one.happened_at.isoformat()[:16] == "2026-11-02T09:00"


@pytest.mark.parametrize("name", SEVERAL)
def test_batches_of_any_length(name):
    found = list(intake.events_of(raw(*name.split("/"))))
    assert [one.event_type for one in found] == SEVERAL[name]
    assert len({one.natural_key for one in found}) == len(found)


@pytest.mark.parametrize("provider", REPORTING)
def test_different_reports_are_never_taken_for_one(provider):
    singles = [path for path in files(provider) if named(path) not in SEVERAL]
    kinds = [
        (one.event_type, one.natural_key) for path in singles for one in intake.events_of(raw(provider, path.stem))
    ]
    assert len({key for _, key in kinds}) >= len({kind for kind, _ in kinds})
