"""System checks of the mail settings: each mistake is named, a sound configuration is left in peace."""

import sys

import pytest

from newsletter.checks import check_mail_settings


@pytest.fixture
def mail(settings, anymail):
    """Return a function that changes settings and gives the ids that the checks then find."""

    def found(**changes):
        for name, value in changes.items():
            setattr(settings, name, value)
        messages = check_mail_settings()
        assert all(one.hint and "sesame" not in f"{one.msg}{one.hint}" for one in messages)
        return [one.id for one in messages]

    settings.EMAIL_PROVIDER = "mailgun"
    settings.NEWS_FROM, settings.ACCOUNTS_FROM = "i-HOP e-news <news@example.org>", "accounts@example.org"
    anymail["MAILGUN_WEBHOOK_SIGNING_KEY"] = "sesame"
    return found


@pytest.mark.parametrize("name", ["file", "mailgun", "postmark", "brevo", "resend", "mailtrap", "sparkpost"])
def test_a_sound_configuration_is_left_in_peace(mail, name):
    assert mail(EMAIL_PROVIDER=name) == []


def test_whoever_chooses_sendgrid_hears_that_it_may_end(mail):
    assert mail(EMAIL_PROVIDER="sendgrid") == ["newsletter.W005"]


def test_smtp_is_left_in_peace_with_its_address(mail):
    assert mail(EMAIL_PROVIDER="smtp", EMAIL_URL="smtp://localhost:1025") == []
    assert mail(EMAIL_URL="smtp+tls://news:p%40ss@mail.example.org:587") == []


def test_unknown_provider(mail):
    assert mail(EMAIL_PROVIDER="pigeon") == ["newsletter.E001"]


@pytest.mark.parametrize("name", ["mailersend", "mailjet", "unisender_go"])
def test_provider_without_one_click_headers(mail, anymail, name):
    anymail["MAILERSEND_SIGNING_SECRET"] = "sesame"
    assert mail(EMAIL_PROVIDER=name) == ["newsletter.E002"]


@pytest.mark.parametrize(
    "url",
    ["", "mail.example.org", "localhost:25", "http://mail.example.org", "smtp://", "smtp://h:port", "smtps://h:465"],
)
def test_address_of_the_smtp_server(mail, url):
    assert mail(EMAIL_PROVIDER="smtp", EMAIL_URL=url) == ["newsletter.E003"]


def test_the_password_in_the_address_is_not_repeated(mail):
    mail(EMAIL_PROVIDER="smtp", EMAIL_URL="http://news:sesame@mail.example.org")


@pytest.mark.parametrize("secret", [None, "", [], "no-colon", ["user:password", "no-colon"]])
def test_webhook_secret(mail, anymail, secret):
    anymail["WEBHOOK_SECRET"] = secret
    for name in ("postmark", "resend"):
        assert mail(EMAIL_PROVIDER=name) == ["newsletter.E004"]


def test_the_webhook_secret_is_not_needed_beside_a_signature(mail, anymail):
    del anymail["WEBHOOK_SECRET"]
    anymail["MAILTRAP_TRACKING_SECRET"] = "sesame"
    assert mail(EMAIL_PROVIDER="mailgun") == []
    assert mail(EMAIL_PROVIDER="mailtrap") == []
    anymail["WEBHOOK_SECRET"] = "no-colon"  # is checked besides, and would refuse every event
    assert mail(EMAIL_PROVIDER="mailgun") == ["newsletter.E004"]


def test_webhook_signing_key(mail, anymail):
    del anymail["MAILGUN_WEBHOOK_SIGNING_KEY"]
    assert mail() == ["newsletter.E005"]
    assert "ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY" in check_mail_settings()[0].msg


def test_missing_key_of_the_provider(mail, anymail):
    del anymail["MAILGUN_API_KEY"]
    assert mail() == ["newsletter.E006"]
    assert check_mail_settings()[0].hint == "Set ANYMAIL_MAILGUN_API_KEY in the environment."


def test_missing_package_of_the_provider(mail, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "anymail.backends.amazon_ses", raising=False)
    assert mail(EMAIL_PROVIDER="amazon_ses") == ["newsletter.E006"]
    assert check_mail_settings()[0].hint == "Install boto3."


def test_malformed_setting_of_the_provider(mail, anymail):
    anymail["REQUESTS_TIMEOUT"] = "soon"
    assert mail() == ["newsletter.E006"]


@pytest.mark.parametrize(
    "defaults",
    [
        {"track_opens": True},
        {"track_clicks": "yes"},
        {"esp_extra": {"o:tracking": "htmlonly"}},
        {"esp_extra": {"tracking_settings": {"click_tracking": {"enable": True}}}},
    ],
)
@pytest.mark.parametrize("name", ["SEND_DEFAULTS", "MAILGUN_SEND_DEFAULTS", "POSTMARK_SEND_DEFAULTS"])
def test_tracking_by_the_provider(mail, anymail, name, defaults):
    anymail[name] = defaults
    assert mail() == ["newsletter.E007"]


@pytest.mark.parametrize(
    "defaults",
    [
        {"tags": ["e-news"], "track_opens": False, "track_clicks": "no"},
        {
            "esp_extra": {
                "o:tracking": "no",
                "TrackLinks": "None",
                "tracking_settings": {"click_tracking": {"enable": False}},
            }
        },
    ],
)
def test_tracking_that_is_turned_off_is_left_in_peace(mail, anymail, defaults):
    anymail["SEND_DEFAULTS"] = defaults
    assert mail() == []


def test_tracking_in_a_setting_of_its_own(mail):
    assert mail(ANYMAIL_SEND_DEFAULTS={"track_opens": True}) == ["newsletter.E007"]


def test_defaults_from_the_environment_are_text(mail, anymail):
    anymail["SEND_DEFAULTS"] = '{"track_opens": true}'
    assert mail() == ["newsletter.E008", "newsletter.E007"]
    anymail["SEND_DEFAULTS"] = "track_opens"
    assert mail() == ["newsletter.E008"]


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_defaults_that_add_people(mail, anymail, field):
    anymail["SEND_DEFAULTS"] = {field: ["boss@example.org"]}
    assert mail() == ["newsletter.E009"]


@pytest.mark.parametrize("name", ["NEWS_FROM", "ACCOUNTS_FROM"])
@pytest.mark.parametrize(
    "value", ["", "i-HOP", "i-HOP <news>", "news@example.org, more@example.org", "a b@example.org"]
)
def test_sender_that_is_no_address(mail, name, value):
    assert mail(**{name: value}) == ["newsletter.W001"]


def test_one_address_for_both_kinds_of_mail(mail):
    assert mail(ACCOUNTS_FROM="i-HOP <NEWS@example.org>") == ["newsletter.W002"]


def test_provider_without_webhooks(mail):
    assert mail(EMAIL_PROVIDER="scaleway") == ["newsletter.W003"]


def test_rates_by_domain(mail):
    assert mail(SEND_DOMAIN_RATES="nhs.net=5, *=20") == []
    assert mail(SEND_DOMAIN_RATES="nhs.net=fast") == ["newsletter.E010"]
    assert "nhs.net=fast" in check_mail_settings()[0].msg


@pytest.mark.parametrize(
    ("name", "sound", "wrong"),
    [
        ("SEND_RATE_PER_SECOND", [0, 0.01, 14.0], [-1.0, 0.001, float("nan"), float("inf")]),
        ("SEND_PER_DAY", [0, 500], [-1]),
        ("SEND_CONNECTIONS", [1, 8], [0, -4]),
        ("SEND_CALLS", [1, 32], [0, -4]),
    ],
)
def test_numbers_of_flow_control(mail, name, sound, wrong):
    assert [mail(**{name: value}) for value in sound] == [[] for _ in sound]
    assert [mail(**{name: value}) for value in wrong] == [["newsletter.E011"] for _ in wrong]
    assert name in check_mail_settings()[0].msg
