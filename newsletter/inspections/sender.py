"""The sender: that our provider may send for its domain, and that the domain says so (`sender_domain.py`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from newsletter.inspections.findings import Finding, Level
from newsletter.models import SenderCheck
from newsletter.sender_domain import State, domain_of, ours, sender_address

# Settings in which Anymail is told for which domain a provider sends.
PROVIDER_DOMAINS = {"mailgun": "MAILGUN_SENDER_DOMAIN"}
# No reason to stop an issue: its mail may still arrive, and editors cannot change what a domain says.
LEVELS = {
    State.BAD: Level.WARNING,
    State.WEAK: Level.WARNING,
    State.UNANSWERED: Level.WARNING,
    State.UNKNOWN: Level.NOTE,
}


def look() -> Iterator[Finding]:
    domain = domain_of(sender_address())
    news = domain_of(settings.NEWS_FROM)
    if domain != news:
        sentence = (
            f"The sender in the e-news settings is of {domain}, and mail is set up for {news}: correct the sender."
        )
        yield Finding("sender-domain", Level.ERROR, sentence, "sender")
    provider = _provider_domain()
    if provider and not aligned(domain, provider):
        sentence = (
            f"The sender is of {domain}, and {settings.EMAIL_PROVIDER} is set up to send for {provider}: mailboxes "
            "will take it for forged. Correct NEWS_FROM or the provider’s domain."
        )
        yield Finding("sender-provider", Level.ERROR, sentence, "sender")
    yield from _domain(domain)


def aligned(one: str, other: str) -> bool:
    """Whether two domains belong together: the same, or one within the other."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _domain(domain: str) -> Iterator[Finding]:
    only_files = settings.EMAIL_PROVIDER == "file"  # nothing leaves this machine
    check = SenderCheck.objects.filter(domain=domain).first()
    if not check:
        sentence = f"What {domain} says about who may send for it has not been looked up yet: look it up now."
        yield Finding("sender-unchecked", Level.NOTE if only_files else Level.WARNING, sentence, "sender")
        return
    for record in ours(check):
        if level := LEVELS.get(record.state):
            yield Finding(f"sender-{record.name}", Level.NOTE if only_files else level, record.sentence, "sender")


def _provider_domain() -> str:
    name = PROVIDER_DOMAINS.get(settings.EMAIL_PROVIDER, "")
    anymail: Mapping[str, Any] = getattr(settings, "ANYMAIL", {})
    return str(anymail.get(name) or getattr(settings, f"ANYMAIL_{name}", "") or "").lower() if name else ""
