"""Short service letters to one address: plain words, sent by the account mail's sender."""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string


def letter(address: str, first_name: str, subject: str, template: str, **context: Any) -> EmailMessage:
    """Return the message, not yet sent: the caller sends it when the transaction has been committed."""
    text = render_to_string(template, {"first_name": first_name, "helpline": settings.HELPLINE, **context})
    return EmailMessage(subject, text, settings.ACCOUNTS_FROM, [address], headers={"Auto-Submitted": "auto-generated"})
