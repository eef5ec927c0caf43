"""System checks of a production start: `manage.py check --deploy` says, by setting, what would fail or leak later.

`newsletter/checks.py` has those of the mail settings. Settings without which nothing can start stop at once instead
(`settings/production.py`).
"""

import os
from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from newsletter.providers import PROVIDERS

LEAST_KEY = 32  # characters
LEAST_DIFFERENT = 5  # characters of which it is made; as Django's own check says
# Below these, everybody registers names: sharing one says nothing. (The whole list, publicsuffix.org, changes weekly.)
BELOW_UK = ("ac", "co", "gov", "ltd", "me", "net", "nhs", "org", "plc", "police", "sch")
SHARED = {*(f"{name}.uk" for name in BELOW_UK), "gov.scot", "gov.wales", "llyw.cymru"}
BROKERS = ("redis", "rediss", "amqp", "amqps")


@register(Tags.security, deploy=True)
def check_production(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Run every check of what a production start needs. Nothing is connected, no file is written."""
    return [*_keys(), *_addresses(), *_services(), *_senders(), *_provider(), *_storage()]


def _keys() -> Iterator[CheckMessage]:
    if _weak(settings.SECRET_KEY):
        yield Error(
            "SECRET_KEY is short, or the same few characters again and again.",
            hint="Make a long random one: whoever guesses it can log in as anybody. Sessions and links in mails go on "
            "with the old one in SECRET_KEY_FALLBACKS.",
            id="config.E008",
        )
    if _weak(settings.ADDRESS_HASH_KEY) or settings.ADDRESS_HASH_KEY == settings.SECRET_KEY:
        yield Error(
            "ADDRESS_HASH_KEY is short, or the same as SECRET_KEY.",
            hint="Make a long random one, keep it for good and apart from the backups: with another key the "
            "suppression list recognises nobody (docs/adr/0008-suppression.md).",
            id="config.E001",
        )


def _weak(key: str) -> bool:
    return len(key) < LEAST_KEY or len(set(key)) < LEAST_DIFFERENT or key.startswith("django-insecure-")


def _addresses() -> Iterator[CheckMessage]:
    host = urlsplit(settings.SITE_URL).hostname or ""
    allowed = settings.ALLOWED_HOSTS
    if "*" in allowed:
        yield Error(
            "ALLOWED_HOSTS allows every host.",
            hint="Name the site's hosts: links in account mail are made from them.",
            id="config.E002",
        )
    elif not any(host == name or (name.startswith(".") and host.endswith(name)) for name in allowed):
        yield Error(
            f"ALLOWED_HOSTS does not hold {host}, the host of SITE_URL.",
            hint="Add it: every link in every mail would be refused.",
            id="config.E003",
        )
    if settings.SECURE_PROXY_SSL_HEADER and not settings.ALLAUTH_TRUSTED_PROXY_COUNT:
        yield Warning(
            "TRUSTED_PROXY_COUNT is 0, although the site stands behind a proxy that speaks HTTPS.",
            hint="Set it to the number of proxies in front: rate limits count visitors by it.",
            id="config.W001",
        )


def _services() -> Iterator[CheckMessage]:
    if not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        yield Error(
            "DATABASE_URL is not PostgreSQL.",
            hint="Use postgres://user:password@host:5432/name: SQLite serves one machine and few people.",
            id="config.E004",
        )
    if urlsplit(settings.CELERY_BROKER_URL).scheme not in BROKERS:
        yield Error(
            "CELERY_BROKER_URL is no Redis and no RabbitMQ.",
            hint="Use redis://host:6379/0 or amqp://user:password@host:5672//.",
            id="config.E005",
        )


def _senders() -> Iterator[CheckMessage]:
    """Mailboxes compare who signs and who sends (DMARC), and readers compare sender and site."""
    site = urlsplit(settings.SITE_URL).hostname or ""
    domains = {
        name: parseaddr(getattr(settings, name))[1].rpartition("@")[2] for name in ("NEWS_FROM", "ACCOUNTS_FROM")
    }
    for name, domain in domains.items():
        if domain and not _aligned(domain, site):
            yield Warning(
                f"{name} is of {domain}, which has nothing in common with the site's {site}.",
                hint="Send from the site's own domain, with SPF, DKIM and DMARC in its DNS.",
                id="config.W002",
            )
    for name in ("POSTAL_ADDRESS", "TEAM_EMAIL"):
        if "example" in getattr(settings, name).lower():
            yield Warning(
                f"{name} is still the example.",
                hint="Set it: it stands in what members read, and the law asks for it.",
                id="config.W003",
            )


def _aligned(sender: str, site: str) -> bool:
    """Whether both lie in one organisation's domain, as far as their last labels tell (news.x.org and www.x.org)."""
    return "." in sender and _organisation(sender) == _organisation(site)


def _organisation(host: str) -> str:
    """The part of a host's name that one organisation has registered."""
    labels = host.lower().split(".")
    return ".".join(labels[-3 if ".".join(labels[-2:]) in SHARED else -2 :])


def _provider() -> Iterator[CheckMessage]:
    chosen = PROVIDERS.get(settings.EMAIL_PROVIDER)
    if settings.EMAIL_PROVIDER == "file":
        yield Warning(
            "EMAIL_PROVIDER is file: nothing is ever mailed.",
            hint="Set it to smtp, or to the name of a provider (newsletter/providers.py).",
            id="config.W004",
        )
    if chosen and chosen.backend and not chosen.quirks.tracking_switch and not settings.PROVIDER_TRACKING_OFF:
        yield Warning(
            f"{chosen.name} takes no word from us about open and click tracking: it may track everybody.",
            hint="Turn both off in its dashboard, then set PROVIDER_TRACKING_OFF=true to say that you have looked.",
            id="config.W005",
        )


def _storage() -> Iterator[CheckMessage]:
    for name in ("VAR_DIR", "MEDIA_ROOT"):
        folder = Path(getattr(settings, name))
        existing = next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))
        if not (existing.is_dir() and os.access(existing, os.W_OK)):
            yield Error(
                f"{name} ({folder}) cannot be written.",
                hint="Make the folder and give it to the user whom the service runs as.",
                id="config.E006",
            )
    if Path(settings.ERASURE_JOURNAL).is_relative_to(settings.VAR_DIR):
        yield Warning(
            "ERASURE_JOURNAL lies beside everything else this installation writes.",
            hint="Put it on another disk, or copy it elsewhere every few minutes: a restored backup needs it as it is "
            "then (docs/runbook.md).",
            id="config.W006",
        )
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if "Manifest" in settings.STORAGES["staticfiles"]["BACKEND"] and not manifest.exists():
        yield Error(
            "Static files have not been collected.",
            hint="Run `python manage.py collectstatic --noinput`: without it no page can be drawn.",
            id="config.E007",
        )
