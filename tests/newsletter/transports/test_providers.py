"""The registry of providers, checked against Anymail's own source."""

import pkgutil
import warnings
from importlib import import_module
from urllib.parse import unquote_plus

import pytest
from anymail import backends
from anymail.exceptions import AnymailImproperlyInstalled, AnymailInsecureWebhookWarning, AnymailUnsupportedFeature
from anymail.message import AnymailMessage
from django.core.exceptions import ImproperlyConfigured

from newsletter.providers import PROVIDERS, RefusedProvider, UnknownProvider, get_transport, provider
from newsletter.transports.anymail import AnymailTransport, make_backend
from newsletter.transports.file import FileTransport
from newsletter.transports.pool import Pool
from newsletter.transports.smtp import SmtpTransport
from tests.newsletter.transports import UNSUBSCRIBE, Letter
from tests.servers.smtp import SmtpServer

ANYMAIL = [one for one in PROVIDERS.values() if one.backend]
OVER_HTTP = [one for one in ANYMAIL if one.name != "amazon_ses"]  # needs boto3, see test_anymail_ses.py
IDN = "sam@bücher.example"
PUBLIC_KEY = (  # SendGrid's example
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+"
    "dFabmdT9POxg=="
)


def named(one):
    return one.name


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
def test_a_provider_that_merges_gets_all_that_is_personal_in_one_call(anymail, one):
    people = ["sam@example.org", "pat@example.org"]
    values = [f"{name}-of-{address}" for address in people for name in ("value", "header", "metadata")]
    personal = {
        "to": people,
        "merge_data": {address: {"token": f"value-of-{address}"} for address in people},
        "merge_headers": {address: {"List-Unsubscribe": f"header-of-{address}"} for address in people},
        "merge_metadata": {address: {"delivery": f"metadata-of-{address}"} for address in people},
    }
    if one.merge:
        posted = payload(one, **personal, esp_extra={**one.merge.esp_extra})
        assert [value for value in values if value not in unquote_plus(posted)] == []
    elif supports(one, **personal):
        # Anymail would, but the provider fills no values into content that comes with the call, or is refused anyway.
        assert one.name in {"brevo", "mailtrap", "mailjet", "unisender_go"}


@pytest.mark.parametrize("one", ANYMAIL, ids=named)
def test_a_provider_merges_or_there_is_a_reason(one):
    assert bool(one.merge) != bool(one.one_by_one)


def test_who_merges_has_no_key_has_metadata_and_is_not_refused():
    merging = {one.name for one in ANYMAIL if one.merge}
    assert merging == {"mailgun", "sendgrid", "sparkpost"}
    for one in (provider(name) for name in merging):
        # A batch in doubt could not be repeated under its key with the same members, and events find a delivery by
        # the metadata when all of a batch share one message id.
        assert (one.idempotency_header, one.metadata, one.one_click_headers) == (None, True, True)


@pytest.mark.parametrize("one", OVER_HTTP, ids=named)
def test_merge_headers_get_lost_for_a_domain_beyond_ascii(anymail, one):
    # Those who look them up under the encoded address do not find them; Mailgun gets them under an address that it
    # is not told to mail.
    features = {"to": [IDN], "merge_headers": {IDN: {"List-Unsubscribe": f"<{UNSUBSCRIBE}>"}}}
    if not supports(one, **features):
        assert not one.drops_headers_for_idn
        return
    posted = payload(one, **features)
    lost = UNSUBSCRIBE not in posted or (one.name == "mailgun" and "u00fccher" in posted)
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
    settings.EMAIL_PROVIDER = "postmark"
    assert isinstance(get_transport(), Pool)


@pytest.mark.parametrize("one", [one for one in PROVIDERS.values() if one.one_click_headers], ids=named)
def test_a_transport_goes_by_the_name_of_its_provider(settings, one):
    settings.EMAIL_PROVIDER = one.name
    assert get_transport().name == one.name


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
