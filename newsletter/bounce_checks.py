"""System checks of how bounces come in over plain SMTP (ADR 24)."""

from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from newsletter import collecting, verp

HINT = "See “Bounces over plain SMTP” in docs/runbook.md."


@register("newsletter")
def check_bounce_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Look into BOUNCE_ADDRESS and BOUNCE_MAILBOX. Nothing is opened or connected."""
    return [*_address(), *_mailbox(), *_missing()]


def _address() -> Iterator[CheckMessage]:
    if not settings.BOUNCE_ADDRESS:
        return
    try:
        _, domain = verp.parts(settings.BOUNCE_ADDRESS)
    except ImproperlyConfigured as error:
        hint = "Write it as bounces@news.example.org: each mail adds its number and a hash before the @."
        yield Error(str(error), hint=hint, id="newsletter.E030")
        return
    ours = parseaddr(settings.NEWS_FROM)[1].rpartition("@")[2].lower()
    theirs = domain.lower()
    if ours and theirs != ours and not theirs.endswith(f".{ours}") and not ours.endswith(f".{theirs}"):
        yield Warning(
            "BOUNCE_ADDRESS is of another domain than NEWS_FROM.",
            hint="Use the same domain, or one beneath it: else SPF counts for nothing with DMARC. " + HINT,
            id="newsletter.W030",
        )


def _mailbox() -> Iterator[CheckMessage]:
    if not settings.BOUNCE_MAILBOX:
        return
    try:
        collecting.parsed(settings.BOUNCE_MAILBOX)
    except ImproperlyConfigured as error:
        hint = "Write maildir:///var/mail/bounces or imaps://user:password@host/INBOX, with %40 for an @ in the user."
        yield Error(str(error), hint=hint, id="newsletter.E031")


def _missing() -> Iterator[CheckMessage]:
    address, box = bool(settings.BOUNCE_ADDRESS), bool(settings.BOUNCE_MAILBOX)
    if settings.EMAIL_PROVIDER == "smtp" and not address and not box:
        yield Warning(
            "EMAIL_PROVIDER is smtp without BOUNCE_ADDRESS and BOUNCE_MAILBOX: bounces will not be noticed.",
            hint="Set both, so that dead mailboxes are not mailed month after month. " + HINT,
            id="newsletter.W031",
        )
    elif settings.EMAIL_PROVIDER == "smtp" and address != box:
        missing, there = ("BOUNCE_MAILBOX", "BOUNCE_ADDRESS") if address else ("BOUNCE_ADDRESS", "BOUNCE_MAILBOX")
        yield Warning(
            f"{there} is set and {missing} is not: most bounces will not be noticed.",
            hint=f"Set {missing} as well. " + HINT,
            id="newsletter.W032",
        )
