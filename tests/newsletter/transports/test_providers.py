"""The registry of providers, checked against Anymail's own source, and the system checks of the mail settings."""

import pkgutil
import sys
import warnings
from importlib import import_module

import pytest
from anymail import backends
from anymail.exceptions import AnymailImproperlyInstalled, AnymailInsecureWebhookWarning, AnymailUnsupportedFeature
from anymail.message import AnymailMessage
from django.core.exceptions import ImproperlyConfigured

from newsletter.checks import check_mail_settings
from newsletter.providers import PROVIDERS, RefusedProvider, UnknownProvider, get_transport, provider
from newsletter.transports.anymail import AnymailTransport, make_backend
from newsletter.transports.file import FileTransport
from newsletter.transports.smtp import SmtpTransport
from tests.newsletter.transports import UNSUBSCRIBE, Letter
from tests.newsletter.transports.replies import KEYS
from tests.servers.smtp import SmtpServer

ANYMAIL = [one for one in PROVIDERS.values() if one.backend]
OVER_HTTP = [one for one in ANYMAIL if one.name != "amazon_ses"]  # needs boto3, see test_anymail_ses.py
IDN = "sam@bücher.example"
PUBLIC_KEY = (  # SendGrid's example
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+"
    "dFabmdT9POxg=="
)

pytestmark = pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")


def named(one):
    return one.name


@pytest.fixture
def anymail(settings):
    """Settings that every backend can be set up with."""
    keys = {f"{one.name.upper()}_{key}": "sesame" for one in ANYMAIL for key in (*KEYS, "API_URL")}
    settings.ANYMAIL = keys | {"WEBHOOK_SECRET": "user:password"}
    return settings.ANYMAIL


def payload(one, **features):
    """What Anymail would post for a message with these features. Raises AnymailUnsupportedFeature."""
    mail = AnymailMessage("News", "Hello", "news@example.org", **{"to": ["sam@example.org"]} | features)
    built = make_backend(one).build_message_payload(mail, {})
    data = built.serialize_data()
    return data if isinstance(data, str) else str(data)


def supports(one, **features):
    try:
        payload(one, **features)
    except AnymailUnsupportedFeature:
        return False
    return True


# --- The facts, as Anymail's source has them ----------------------------------------------------------


def test_every_backend_is_there_and_imports():
    modules = {module.name for module in pkgutil.iter_modules(backends.__path__)}
    assert {one.name for one in ANYMAIL} == modules - {"base", "base_requests", "console", "test", "sendinblue"}
    assert set(PROVIDERS) - {one.name for one in ANYMAIL} == {"file", "smtp"}


@pytest.mark.parametrize("one", OVER_HTTP, ids=named)
def test_metadata(anymail, one):
    assert supports(one, metadata={"delivery": "7"}) == one.metadata


@pytest.mark.parametrize("one", OVER_HTTP, ids=named)
def test_tracking_switch(anymail, one):
    assert supports(one, track_opens=False) == supports(one, track_clicks=False) == one.quirks.tracking_switch


@pytest.mark.parametrize("one", OVER_HTTP, ids=named)
def test_the_one_click_headers_are_in_what_is_posted(anymail, one):
    headers = {"List-Unsubscribe": f"<{UNSUBSCRIBE}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    posted = payload(one, headers=headers, to=[IDN])
    assert UNSUBSCRIBE in posted
    assert "List-Unsubscribe=One-Click" in posted


@pytest.mark.parametrize("one", OVER_HTTP, ids=named)
def test_batch(anymail, one):
    both = {"List-Unsubscribe": "<a>", "List-Unsubscribe-Post": "b"}
    assert supports(one, merge_headers={"sam@example.org": both}) == one.batch


@pytest.mark.parametrize("one", OVER_HTTP, ids=named)
def test_merge_headers_get_lost_for_a_domain_beyond_ascii(anymail, one):
    # Those who look them up under the encoded address do not find them; Mailgun gets them under an address that it
    # is not told to mail.
    features = {"to": [IDN], "merge_headers": {IDN: {"List-Unsubscribe": f"<{UNSUBSCRIBE}>"}}}
    if not supports(one, **features):
        assert not one.drops_headers_for_idn
        return
    posted = payload(one, **features)
    lost = UNSUBSCRIBE not in posted or (one.name == "mailgun" and "u00fcbcher" in posted)
    assert lost == one.drops_headers_for_idn


def tracking_view(name):
    module = import_module(f"anymail.webhooks.{name}")
    views = [
        value
        for key, value in vars(module).items()
        if key.endswith(("TrackingWebhookView", "CombinedWebhookView")) and value.__module__ == module.__name__
    ]
    return views[0]


def is_open_to_anybody(view):
    """Whether Anymail itself finds a webhook insecure as it is configured."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        view()
    return any(issubclass(one.category, AnymailInsecureWebhookWarning) for one in caught)


@pytest.mark.parametrize("one", OVER_HTTP, ids=named)
def test_webhook(settings, one):
    way, _, name = one.webhook.partition(":")
    settings.ANYMAIL = {"MAILGUN_API_KEY": "k"} if one.name == "mailgun" else {}
    if not way:
        with pytest.raises(ModuleNotFoundError):
            import_module(f"anymail.webhooks.{one.name}")
        return
    view = tracking_view(one.name)
    if way == "signature":
        settings.ANYMAIL = {name: PUBLIC_KEY}
        assert not is_open_to_anybody(view)
        return
    assert is_open_to_anybody(view)
    settings.ANYMAIL = {"WEBHOOK_SECRET": "user:password"}
    assert not is_open_to_anybody(view)
    if way == "either":
        settings.ANYMAIL = {name: PUBLIC_KEY}
        if one.name == "resend":
            with pytest.raises(AnymailImproperlyInstalled, match="svix"):
                is_open_to_anybody(view)
        else:
            assert not is_open_to_anybody(view)


def test_ses_webhooks_rely_on_the_secret():
    assert tracking_view("amazon_ses").warn_if_no_basic_auth
    assert provider("amazon_ses").webhook == "secret"


@pytest.mark.parametrize("one", ANYMAIL, ids=named)
def test_a_key_without_a_lifetime_is_none(one):
    assert bool(one.idempotency_header) == (one.idempotency_seconds > 0)


def test_refused_are_those_that_write_the_unsubscribe_header_themselves():
    refused = {one.name for one in PROVIDERS.values() if not one.one_click_headers}
    assert refused == {"mailersend", "mailjet", "unisender_go"}
    assert all(provider(name).note for name in refused)


# --- Choosing one -------------------------------------------------------------------------------------


def test_an_unknown_provider_is_refused_with_the_names_that_are_known():
    with pytest.raises(
        UnknownProvider, match=r"^EMAIL_PROVIDER is 'pigeon': set it to one of file, smtp, amazon_ses, "
    ):
        provider("pigeon")
    assert issubclass(UnknownProvider, ImproperlyConfigured)


def test_the_transport_is_the_one_asked_for(settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path / "outbox"
    settings.EMAIL_PROVIDER = "file"
    transport = get_transport()
    assert isinstance(transport, FileTransport)
    transport.check()
    assert (tmp_path / "outbox").is_dir()
    settings.EMAIL_PROVIDER = "mailgun"
    assert isinstance(get_transport(), AnymailTransport)


@pytest.mark.parametrize("name", ["mailersend", "mailjet", "unisender_go"])
def test_a_provider_without_one_click_headers_is_refused(settings, name):
    settings.EMAIL_PROVIDER = name
    with pytest.raises(RefusedProvider, match=name):
        get_transport()


def test_smtp_takes_its_settings(settings):
    with SmtpServer("AUTH PLAIN") as server:
        settings.EMAIL_PROVIDER = "smtp"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "news", "pass"
        transport = get_transport()
        transport.check()
        assert [one.result for one in transport.send([Letter()])] == ["sent"]
        transport.close()
    assert server.verbs()[:3] == ["EHLO", "AUTH", "MAIL"]
    assert server.commands[2] == "mail FROM:<news@ihop.example.org>"


@pytest.mark.parametrize(("tls", "ssl", "port"), [(False, False, 25), (True, False, 587), (False, True, 465)])
def test_smtp_without_a_port_uses_the_usual_one(settings, tls, ssl, port):
    settings.EMAIL_PROVIDER = "smtp"
    settings.EMAIL_PORT = None  # what django-environ makes of smtp://host
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = tls, ssl
    transport = get_transport()
    assert isinstance(transport, SmtpTransport)
    assert transport._port == port


# --- System checks ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "name", ["file", "mailgun", "postmark", "brevo", "resend", "mailtrap", "sendgrid", "sparkpost"]
)
def test_a_sound_configuration_is_left_in_peace(mail, name):
    assert mail(EMAIL_PROVIDER=name) == []


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
