"""Ways to get mail out, and what each can do. Which one is used is chosen by EMAIL_PROVIDER.

The facts about Anymail's backends were read from the source of Anymail 15.2 and are checked against it by
`tests/newsletter/transports/test_providers.py`; what providers do with a header afterwards comes from their own
documentation and is said in `note`. Whoever adds a provider: send one message and look at what arrives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from types import MappingProxyType

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsletter.transports.anymail import AnymailTransport
from newsletter.transports.base import Transport
from newsletter.transports.batching import Drafts, Merge, Quirks
from newsletter.transports.file import FileTransport
from newsletter.transports.pool import Pool
from newsletter.transports.smtp import SmtpTransport
from newsletter.verp import return_paths


class UnknownProvider(ImproperlyConfigured):
    """EMAIL_PROVIDER names no provider of the registry."""


class RefusedProvider(ImproperlyConfigured):
    """EMAIL_PROVIDER names a provider that cannot carry the one-click headers (RFC 8058)."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """What one provider can do for us."""

    name: str  # value of EMAIL_PROVIDER
    backend: str = ""  # Anymail's; empty for what we speak ourselves
    one_click_headers: bool = True  # List-Unsubscribe and List-Unsubscribe-Post arrive as we wrote them
    # How it fills several people's values into text, HTML and headers that are given with the call (not stored at the
    # provider), as Anymail passes them on; None: one message a call, several calls at once, `one_by_one` says why.
    # Never together with a key: after a batch in doubt nobody could repeat it with the same members.
    merge: Merge | None = None
    one_by_one: str = ""
    idempotency_header: str | None = None  # carries a key under which a second hand-over sends nothing
    idempotency_seconds: int = 0  # how long the provider remembers it
    metadata: bool = False  # brings our delivery id back in its webhooks
    # How its webhooks are authenticated: "secret" (HTTP basic auth, ANYMAIL_WEBHOOK_SECRET), "signature:NAME" (of
    # the setting ANYMAIL_NAME), "either:NAME" (the signature when NAME is set, else the secret), "" (it has none).
    webhook: str = ""
    drops_headers_for_idn: bool = False  # Anymail's merge_headers get lost for addresses with a non-ASCII domain
    quirks: Quirks = field(default_factory=Quirks)
    caution: str = ""  # what whoever chooses it must hear at every start
    note: str = ""


def _anymail(name: str, **facts: object) -> Provider:
    return Provider(name=name, backend=f"anymail.backends.{name}.EmailBackend", **facts)  # type: ignore[arg-type]


_SWITCH = Quirks(tracking_switch=True)
_NO_VALUES = "Anymail passes nobody's own values on to it."
_STORED_ONLY = "It fills values into templates stored with it only, and Anymail refuses them for others."
_REFUSED = "Cannot be chosen, see the note."

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        one.name: one
        for one in (
            Provider(name="file", note="Writes .eml files under OUTBOX_DIR and sends nothing."),
            Provider(
                name="smtp",
                note="Set EMAIL_URL. No webhooks: BOUNCE_ADDRESS and BOUNCE_MAILBOX bring bounces in (ADR 24).",
            ),
            _anymail(
                "amazon_ses",
                one_by_one=_STORED_ONLY,
                metadata=True,
                webhook="secret",
                note="Needs boto3. Turn open and click tracking off in the configuration set. Anymail checks the"
                " webhook's password, not Amazon's signature.",
            ),
            _anymail(
                "brevo",
                # anymail.dev, Brevo: without a stored template “each recipient will receive the same content”.
                one_by_one="It fills values into templates stored with it only, and has idempotency keys.",
                idempotency_header="idempotencyKey",
                # developers.brevo.com/docs/heterogenous-versions-batch-emails says 30 minutes, the changelog of 2021
                # 15: the shorter one is believed, because a repeat after the end would be a second mail.
                idempotency_seconds=15 * 60,
                metadata=True,
                webhook="secret",
                drops_headers_for_idn=True,
                quirks=Quirks(idempotency_in_message=True),
                note="Turn tracking off in its dashboard. Brevo may add a List-Unsubscribe of its own: look at one"
                " message before the first issue."
                " A known idempotency key is answered with 400 duplicate_parameter, which does not say whether the"
                " first call was accepted.",
            ),
            _anymail(
                "mailersend",
                one_by_one=_REFUSED,
                one_click_headers=False,
                webhook="signature:MAILERSEND_SIGNING_SECRET",
                quirks=Quirks(tracking_switch=True, invents_failures=True),
                note="It writes List-Unsubscribe itself, takes custom headers on dearer plans only, has no metadata.",
            ),
            _anymail(
                "mailgun",
                # documentation.mailgun.com, Batch sending: recipient variables are filled in as they are, in text, HTML
                # and headers; whoever is in To gets a message of their own. One bad address refuses the whole call.
                merge=Merge(tag=lambda slot: f"%recipient.{slot}%"),
                metadata=True,
                webhook="signature:MAILGUN_WEBHOOK_SIGNING_KEY",
                drops_headers_for_idn=True,
                quirks=_SWITCH,
                note="In Europe set ANYMAIL_MAILGUN_API_URL=https://api.eu.mailgun.net/v3.",
            ),
            _anymail(
                "mailjet",
                one_click_headers=False,
                one_by_one=_REFUSED,
                metadata=True,
                webhook="secret",
                drops_headers_for_idn=True,
                quirks=Quirks(
                    tracking_switch=True, invents_failures=True, left_out=frozenset({"List-Id", "Message-ID"})
                ),
                note="It puts its own List-Unsubscribe in the place of ours (Notifuse/notifuse#348, June 2026), and"
                " refuses messages with List-Id or Message-ID.",
            ),
            _anymail(
                "mailtrap",
                one_by_one="It fills values into templates stored with it only; without one, everybody in a batch gets"
                " the same text.",
                metadata=True,
                webhook="either:MAILTRAP_TRACKING_SECRET",
                drops_headers_for_idn=True,
                note="Turn tracking off in its dashboard.",
            ),
            _anymail(
                "mandrill",
                one_by_one="Anymail passes no headers of a person's own on to it, so no List-Unsubscribe.",
                metadata=True,
                webhook="signature:MANDRILL_WEBHOOK_KEY",
                quirks=_SWITCH,
                note="It answers 500 to everything it refuses, so its refusals end as unknown.",
            ),
            _anymail(
                "postal",
                one_by_one=_NO_VALUES,
                webhook="signature:POSTAL_WEBHOOK_KEY",
                note="Turn tracking off on the server. No metadata: events are matched by message id only.",
            ),
            _anymail(
                "postmark",
                one_by_one=_STORED_ONLY,
                metadata=True,
                webhook="secret",
                quirks=Quirks(
                    tracking_switch=True,
                    headers={"X-PM-KeepID": "true"},  # else our Message-ID is replaced
                    options={"use_bulk_api": False, "generate_message_id": False},
                ),
                note="Set ANYMAIL_POSTMARK_MESSAGE_STREAM to a broadcast stream whose unsubscribe handling is Custom,"
                " else Postmark replaces our unsubscribe links.",
            ),
            _anymail(
                "resend",
                # resend.com/docs/dashboard/emails/idempotency-keys: for 24 hours the same request under the same key
                # gets “the same response, without actually sending the email again”, so a repeat that brings an id
                # is proof; 409 (another payload, or the first call still under way) is not.
                one_by_one="It fills no values in, and has idempotency keys.",
                idempotency_header="Idempotency-Key",
                idempotency_seconds=24 * 60 * 60,
                metadata=True,
                webhook="either:RESEND_SIGNING_SECRET",
                note="Turn tracking off for the domain. The signature needs the package svix; the secret does not.",
            ),
            _anymail(
                "scaleway",
                one_by_one=_NO_VALUES,
                metadata=True,
                note="Anymail has no webhooks for it: bounces, complaints and unknown deliveries stay in the dark.",
            ),
            _anymail(
                "sendgrid",
                # Legacy substitutions (twilio.com/docs/sendgrid, Substitution Tags, Personalizations): plain replacing
                # of text, at most 50 KB a person; a personalization's headers and custom arguments stand over those
                # of the call. Content cannot hold `[%`: rendering breaks it up.
                merge=Merge(tag=lambda slot: f"[%{slot}%]", esp_extra={"merge_field_format": "[%{}%]"}),
                metadata=True,
                webhook="either:SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY",
                drops_headers_for_idn=True,
                quirks=Quirks(
                    tracking_switch=True,
                    esp_extra={"tracking_settings": {"subscription_tracking": {"enable": False}}},  # else: own links
                    accepted_status=202,
                ),
                caution="Anymail has dropped official support for SendGrid (anymail/django-anymail#432): it works with"
                " the release that is pinned, and may stop with any later one.",
            ),
            _anymail(
                "sparkpost",
                # developers.sparkpost.com/api/template-language: {{ }} escapes in HTML, where ours are escaped already,
                # {{{ }}} does not (SparkPost/gosparkpost#133). A reply says how many were refused and not who: then
                # all of the call are unknown until events arrive.
                merge=Merge(tag=lambda slot: f"{{{{{{{slot}}}}}}}"),
                metadata=True,
                webhook="secret",
                drops_headers_for_idn=True,
                quirks=Quirks(
                    tracking_switch=True,
                    esp_extra={"options": {"transactional": True}},  # else our List-Unsubscribe is overwritten
                ),
            ),
            _anymail(
                "unisender_go",
                one_by_one=_REFUSED,
                one_click_headers=False,
                metadata=True,
                webhook="signature:UNISENDER_GO_API_KEY",
                drops_headers_for_idn=True,
                quirks=_SWITCH,
                note="It keeps X-… headers only, and adds unsubscribe links of its own.",
            ),
        )
    }
)


def provider(name: str) -> Provider:
    """Return the provider of that name. Raises UnknownProvider."""
    try:
        return PROVIDERS[name]
    except KeyError:
        raise UnknownProvider(f"EMAIL_PROVIDER is {name!r}: set it to one of {', '.join(PROVIDERS)}.") from None


def get_transport() -> Transport:
    """Return the transport that EMAIL_PROVIDER asks for; nothing is connected yet.

    Raises UnknownProvider or RefusedProvider: system checks say so at start-up, but they can be skipped.
    """
    chosen = provider(settings.EMAIL_PROVIDER)
    if not chosen.one_click_headers:
        raise RefusedProvider(f"EMAIL_PROVIDER {chosen.name!r} cannot carry our unsubscribe headers: choose another.")
    if chosen.name == "file":
        return FileTransport(Path(settings.OUTBOX_DIR))
    if chosen.name == "smtp":
        return _smtp()
    if chosen.merge:
        return AnymailTransport(chosen)
    drafts = Drafts()
    return Pool(lambda: AnymailTransport(chosen, drafts), size=settings.SEND_CALLS)


def _smtp() -> SmtpTransport:
    usual_port = 465 if settings.EMAIL_USE_SSL else 587 if settings.EMAIL_USE_TLS else 25
    return SmtpTransport(
        host=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT or usual_port,
        user=settings.EMAIL_HOST_USER or "",
        password=settings.EMAIL_HOST_PASSWORD or "",
        use_tls=bool(settings.EMAIL_USE_TLS),
        use_ssl=bool(settings.EMAIL_USE_SSL),
        timeout=settings.EMAIL_TIMEOUT or 30,
        sender=parseaddr(settings.NEWS_FROM)[1],
        connections=settings.SEND_CONNECTIONS,
        return_path=return_paths(),
    )
