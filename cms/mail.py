"""Mail of the service itself: plain words, one sender, handed over when the transaction has been committed.

Where mail goes over the network it is handed over behind the answer (ADR 11), so that an answer's time tells strangers
nothing.
"""

import logging
import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.db import connections, transaction
from django.dispatch import Signal
from django.template.loader import render_to_string

HEADERS = {"Auto-Submitted": "auto-generated"}
# The connection broke after it had been made. HTTP clients wrap these, and name what never was a connection.
LOST = (smtplib.SMTPServerDisconnected, TimeoutError, ConnectionResetError, BrokenPipeError)
NEVER_REACHED = {"ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "NameResolutionError"}
logger = logging.getLogger(__name__)
_hands = ThreadPoolExecutor(max_workers=2, thread_name_prefix="account-mail")

# Sent with the `address` of somebody without an account before they are written to. A receiver that returns False
# keeps the mail back: membership does, for addresses on the suppression list.
writing_to_stranger = Signal()


def send_to_stranger(address: str, subject: str, template: str, **context: Any) -> None:
    """Write to somebody who need not have an account, once committed. Suppressed addresses get nothing."""
    hand_over(letter_to_stranger(address, subject, template, **context), to_stranger=True)


def letter_to_stranger(address: str, subject: str, template: str, **context: Any) -> EmailMessage:
    """Return one mail to somebody who need not have an account, for `deliver`. `template` is plain text.

    The subject must be ours: nothing of what a stranger typed goes into a header.
    """
    text = render_to_string(template, {"helpline": settings.HELPLINE, "site_url": settings.SITE_URL, **context})
    return EmailMessage(subject, text, settings.ACCOUNTS_FROM, [address], headers=HEADERS)


def send_letter(address: str, subject: str, *, text: str, html: str, reply_to: str) -> None:
    """Write one mail with an HTML part, which says the same, to one address. Suppressed addresses get nothing."""
    message = EmailMultiAlternatives(subject, text, settings.ACCOUNTS_FROM, [address], reply_to=[reply_to])
    message.attach_alternative(html, "text/html")
    hand_over(message, to_stranger=True)


def hand_over(message: EmailMessage, *, to_stranger: bool = False) -> None:
    """Send once the transaction is committed. Strangers whose address is suppressed get nothing.

    Whoever has an account gets what they ask for, such as a code to log in, whatever stands on the suppression list.
    """
    allowed = may_write_to(message.to[0])  # asked of everybody: what an answer costs must not tell who has an account
    if to_stranger and not allowed:
        return
    after_commit(lambda: _deliver(message))


def after_commit(act: Callable[[], object]) -> None:
    """Do this once the transaction is committed; where mail goes over the network, behind the answer."""
    if settings.ACCOUNT_MAIL_BEHIND_ANSWER:
        transaction.on_commit(lambda: _hands.submit(_by_hand, act) and None)
    else:
        transaction.on_commit(lambda: act() and None, robust=True)


def _by_hand(act: Callable[[], object]) -> None:
    """Run in a thread of ours, which must not keep a connection to the database open."""
    try:
        act()
    except Exception as error:  # nobody looks at what a thread raised
        logger.error("account mail could not be prepared: %s", type(error).__name__)
    finally:
        connections.close_all()


def may_write_to(address: str) -> bool:
    """Return whether a stranger at this normalised address may be mailed: no, when it is on the suppression list."""
    answers: list[tuple[Any, Any]] = writing_to_stranger.send(sender=None, address=address)
    return all(answer is not False for _, answer in answers)


def deliver(message: EmailMessage) -> bool:
    """Hand one mail to a stranger over now, for tasks that must know what came of it. Never raises.

    False when the address is on the suppression list, or the provider did not take the mail: then it may be tried
    again. True as well when a connection was lost while the provider could have taken it: nobody is written to twice.
    """
    return may_write_to(message.to[0]) and _deliver(message)


def _deliver(message: EmailMessage) -> bool:
    """Hand one mail to the provider. A failure is logged, without the address: whoever waits can ask again."""
    connecting = True
    try:
        message.connection = get_connection()
        opened = message.connection.open()
        connecting = False
        try:
            message.send()
        finally:
            if opened:
                with suppress(Exception):  # how it ends says nothing about the mail
                    message.connection.close()
    except Exception as error:  # whatever a provider's client raises: the answer has been given
        logger.error("account mail could not be handed over: %s", type(error).__name__)
        return not connecting and _may_have_been_taken(error)
    return True


def _may_have_been_taken(error: BaseException) -> bool:
    """Whether a mail may have arrived, although sending it failed: the provider's answer was lost."""
    causes = list(_causes(error))
    if any(type(cause).__name__ in NEVER_REACHED for cause in causes):
        return False
    return any(isinstance(cause, LOST) for cause in causes)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
