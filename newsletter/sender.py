"""Whom an issue is from, and where answers to it go."""

from email import policy
from email.parser import BytesHeaderParser
from email.utils import formataddr, parseaddr

from django.conf import settings

from newsletter.cleaning import header_value
from newsletter.encoding import NEWLINE
from newsletter.models import Issue, NewsletterSettings, Prepared


def header_addresses(issue: Issue) -> tuple[str, str]:
    """The issue's From and Reply-To (may be empty), as their headers say it.

    An issue keeps what its first messages were prepared with, so that a reader who is measured, whose message may be
    prepared later, gets it from the same sender. Raises ValueError when no header can carry what was set.
    """
    prepared = Prepared.objects.filter(edition__issue=issue.pk).order_by("pk").values_list("content", flat=True).first()
    if prepared:
        said = BytesHeaderParser(policy=policy.compat32).parsebytes(bytes(prepared).partition(NEWLINE * 2)[0])
        return said["From"], said["Reply-To"] or ""
    chosen = NewsletterSettings.load()
    sender = header_value(chosen.sender or settings.NEWS_FROM, "The sender")
    local, _, domain = header_value(chosen.reply_to, "The address for answers").rpartition("@")
    reply_to = f"{local}@{domain.encode('idna').decode()}" if domain else ""
    return formataddr(parseaddr(sender)), reply_to
