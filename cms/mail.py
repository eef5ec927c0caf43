"""Mail of the service itself: plain words, one sender, handed over when the transaction has been committed.

Where mail goes over the network it is handed over behind the answer (ADR 11), so that an answer's time tells strangers
nothing.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import transaction
from django.dispatch import Signal
from django.template.loader import render_to_string

HEADERS = {"Auto-Submitted": "auto-generated"}
logger = logging.getLogger(__name__)
_hands = ThreadPoolExecutor(max_workers=2, thread_name_prefix="account-mail")

# Sent with the `address` of somebody without an account before they are written to. A receiver that returns False
# keeps the mail back: membership does, for addresses on the suppression list.
writing_to_stranger = Signal()


def send_to_stranger(address: str, subject: str, template: str, **context: Any) -> None:
    """Write to somebody who need not have an account. `template` is plain text; suppressed addresses get nothing.

    The subject must be ours: nothing of what a stranger typed goes into a header.
    """
    text = render_to_string(template, {"helpline": settings.HELPLINE, "site_url": settings.SITE_URL, **context})
    hand_over(EmailMessage(subject, text, settings.ACCOUNTS_FROM, [address], headers=HEADERS), to_stranger=True)


def send_letter(address: str, subject: str, *, text: str, html: str, reply_to: str) -> None:
    """Write one mail with an HTML part, which says the same, to one address. Suppressed addresses get nothing."""
    message = EmailMultiAlternatives(subject, text, settings.ACCOUNTS_FROM, [address], reply_to=[reply_to])
    message.attach_alternative(html, "text/html")
    hand_over(message, to_stranger=True)


def hand_over(message: EmailMessage, *, to_stranger: bool = False) -> None:
    """Send once the transaction is committed. Strangers whose address is suppressed get nothing.

    Whoever has an account gets what they ask for, such as a code to log in, whatever stands on the suppression list.
    """
    if to_stranger and not may_write_to(message.to[0]):
        return
    if settings.ACCOUNT_MAIL_BEHIND_ANSWER:
        transaction.on_commit(lambda: _hands.submit(_deliver, message) and None)
    else:
        transaction.on_commit(lambda: _deliver(message))


def may_write_to(address: str) -> bool:
    """Return whether a stranger at this normalised address may be mailed: no, when it is on the suppression list."""
    answers: list[tuple[Any, Any]] = writing_to_stranger.send(sender=None, address=address)
    return all(answer is not False for _, answer in answers)


def _deliver(message: EmailMessage) -> None:
    """Hand one mail to the provider. A failure is logged, without the address: whoever waits can ask again."""
    try:
        message.send()
    except Exception as error:  # whatever a provider's client raises: the answer has been given
        logger.error("account mail could not be handed over: %s", type(error).__name__)
