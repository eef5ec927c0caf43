"""System checks of the mail settings: what would fail an issue half-way is said at start-up, by setting."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from email.utils import getaddresses
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from newsletter.domains import parse_domain_rates
from newsletter.pacing import SLOWEST
from newsletter.providers import Provider, UnknownProvider, provider
from newsletter.transports.anymail import make_backend

SMTP_SCHEMES = {"smtp", "smtps", "smtp+tls", "smtp+ssl"}


@register("newsletter")
def check_mail_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Run every check of the mail settings. Nothing is connected."""
    found = [*_senders(), *_flow()]
    try:
        chosen = provider(settings.EMAIL_PROVIDER)
    except UnknownProvider as error:
        hint = "See newsletter/providers.py for what each can do."
        return [Error(str(error), hint=hint, id="newsletter.E001"), *found]
    if not chosen.one_click_headers:
        found.append(
            Error(
                f"EMAIL_PROVIDER {chosen.name!r} cannot carry our List-Unsubscribe headers (RFC 8058).",
                hint=f"{chosen.note} Choose another: Gmail and Yahoo refuse bulk mail without one-click leaving.",
                id="newsletter.E002",
            )
        )
    if chosen.caution:
        hint = "Run the tests and look at one message after each upgrade of Anymail, or choose another provider."
        found.append(Warning(chosen.caution, hint=hint, id="newsletter.W005"))
    if chosen.name == "smtp":
        found += _email_url()
    if chosen.backend:
        found += [*_backend(chosen), *_webhook(chosen), *_send_defaults()]
    return found


def _email_url() -> Iterator[CheckMessage]:
    hint = "Use smtp://host:25, smtp+tls://user:password@host:587 or smtp+ssl://user:password@host:465."
    url = getattr(settings, "EMAIL_URL", "")
    if not url:
        yield Error("EMAIL_PROVIDER is smtp, but EMAIL_URL is not set.", hint=hint, id="newsletter.E003")
        return
    try:
        parts = urlsplit(url)
        port = parts.port  # ValueError when it is no number
        valid = parts.scheme in SMTP_SCHEMES and bool(parts.hostname)
        # django-environ takes smtps:// for STARTTLS, which never gets an answer on port 465.
        misleading = parts.scheme == "smtps" and port == 465
    except ValueError:
        valid, misleading = False, False
    if not valid:
        yield Error("EMAIL_URL is not the address of an SMTP server.", hint=hint, id="newsletter.E003")
    elif misleading:
        yield Error(
            "EMAIL_URL asks for STARTTLS (smtps://) on port 465, where it is not spoken.",
            hint=f"Write smtp+ssl://. {hint}",
            id="newsletter.E003",
        )


def _backend(chosen: Provider) -> Iterator[CheckMessage]:
    """Set the backend up, for Anymail names what is missing; its sentence is cut down to the setting."""
    try:
        make_backend(chosen)
    except ImproperlyConfigured as error:
        package = re.search(r"The (\S+) package isn't installed", str(error))
        setting = re.search(r"\bANYMAIL_[A-Z_]+\b", str(error))
        missing = f"the package {package[1]}" if package else setting[0] if setting else "a setting"
        yield Error(
            f"EMAIL_PROVIDER {chosen.name!r} cannot be used: {missing} is missing.",
            hint=f"Install {package[1]}." if package else f"Set {missing} in the environment.",
            id="newsletter.E006",
        )
    except (TypeError, ValueError, AttributeError) as error:
        yield Error(
            f"EMAIL_PROVIDER {chosen.name!r} cannot be used: an ANYMAIL_* setting is wrong ({type(error).__name__}).",
            hint="Settings with parts, such as ANYMAIL_AMAZON_SES_CLIENT_PARAMS, are written as JSON.",
            id="newsletter.E006",
        )


def _webhook(chosen: Provider) -> Iterator[CheckMessage]:
    way, _, setting = chosen.webhook.partition(":")
    secret = _anymail_setting("WEBHOOK_SECRET")
    if not way:
        yield Warning(
            f"EMAIL_PROVIDER {chosen.name!r} has no webhooks: bounces and complaints will not be noticed.",
            hint="Read its reports after each issue, or choose another provider.",
            id="newsletter.W003",
        )
    if way == "signature" and not _anymail_setting(setting):
        yield Error(
            f"ANYMAIL_{setting} is not set, so every webhook of {chosen.name} would be refused or could be forged.",
            hint=f"Copy it from the dashboard of {chosen.name}.",
            id="newsletter.E005",
        )
    needed = way == "secret" or (way == "either" and not _anymail_setting(setting))
    secrets = [secret] if isinstance(secret, str) and secret else list(secret or [])
    if (needed and not secrets) or any(":" not in one for one in secrets):
        yield Error(
            "ANYMAIL_WEBHOOK_SECRET is not set to user:password: provider events could be forged, or be refused.",
            hint="Make up a user and a long password, and put both into the webhook address: https://user:password@host/…",
            id="newsletter.E004",
        )


def _send_defaults() -> Iterator[CheckMessage]:
    """Look into every SEND_DEFAULTS, also of other providers: they are few, and mistakes stay in settings for years."""
    anymail = getattr(settings, "ANYMAIL", {})
    found = {f"ANYMAIL_{key}": value for key, value in anymail.items() if key.endswith("SEND_DEFAULTS")}
    bare = re.compile("ANYMAIL_(.+_)?SEND_DEFAULTS")
    found |= {name: getattr(settings, name) for name in dir(settings) if bare.fullmatch(name)}
    for name, value in found.items():
        if isinstance(value, str):
            yield Error(
                f"{name} is text, and Anymail wants a dictionary.",
                hint="Leave it out of the environment and put it into the settings module.",
                id="newsletter.E008",
            )
            try:
                value = json.loads(value)
            except ValueError:
                continue
        if _turns_tracking_on(value):
            yield Error(
                f"{name} turns on tracking by the provider.",
                hint="Take it out: members are only tracked with their consent, and by our own links.",
                id="newsletter.E007",
            )
        if isinstance(value, Mapping) and {"to", "cc", "bcc"} & value.keys():
            yield Error(
                f"{name} adds recipients to every message.",
                hint="Take to, cc and bcc out: each mail goes to exactly one person.",
                id="newsletter.E009",
            )


def _turns_tracking_on(value: Any, under_tracking: bool = False) -> bool:
    """Whether a nested setting holds anything named “track…” that is on, in any provider's spelling of on."""
    if isinstance(value, Mapping):
        return any(
            _turns_tracking_on(item, under_tracking or "track" in str(key).lower()) for key, item in value.items()
        )
    off = {"", "0", "no", "none", "false", "off", "disabled"}
    return under_tracking and str(value).strip().lower() not in off


def _senders() -> Iterator[CheckMessage]:
    addresses = {}
    for name in ("NEWS_FROM", "ACCOUNTS_FROM"):
        pairs = getaddresses([getattr(settings, name, "")])
        try:
            if len(pairs) != 1:
                raise ValidationError("not one address")
            validate_email(pairs[0][1])
        except ValidationError:
            yield Warning(
                f"{name} is not an e-mail address.",
                hint="Write it as: i-HOP e-news <news@example.org>",
                id="newsletter.W001",
            )
        else:
            addresses[name] = pairs[0][1].lower()
    if len(addresses) == 2 and len(set(addresses.values())) == 1:
        yield Warning(
            "NEWS_FROM and ACCOUNTS_FROM are the same address.",
            hint="Use two, so that complaints about the e-news cannot stop account mail.",
            id="newsletter.W002",
        )


def _flow() -> Iterator[CheckMessage]:
    """Look into the settings of flow control, so that no worker stops at them in the middle of an issue."""
    try:
        parse_domain_rates(settings.SEND_DOMAIN_RATES)
    except ImproperlyConfigured as error:
        hint = "Write domains and messages a second, such as nhs.net=5, *=20 (* is any other domain)."
        yield Error(str(error), hint=hint, id="newsletter.E010")
    rate = settings.SEND_RATE_PER_SECOND
    if rate and not SLOWEST <= rate < math.inf:
        yield _wrong_number("SEND_RATE_PER_SECOND", f"Use 0 for no limit, or a number from {SLOWEST} up.")
    if settings.SEND_PER_DAY < 0:
        yield _wrong_number("SEND_PER_DAY", "Use 0 for no limit, or how many messages may go out in a day.")
    for name in ("SEND_CONNECTIONS", "SEND_CALLS"):
        if getattr(settings, name) < 1:
            yield _wrong_number(name, "Use 1 or more.")


def _wrong_number(name: str, hint: str) -> CheckMessage:
    return Error(f"{name} cannot be {getattr(settings, name)}.", hint=hint, id="newsletter.E011")


def _anymail_setting(name: str) -> Any:
    """Return one of Anymail's settings, from where Anymail itself would take it."""
    return getattr(settings, "ANYMAIL", {}).get(name) or getattr(settings, f"ANYMAIL_{name}", None)
