"""Messages to the team: received, acknowledged by mail where there is an address, and answered by staff."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from wagtail.log_actions import log

from cms.mail import send_to_stranger
from cms.models import Entry, Message
from cms.open_data import open_entries
from cms.tokens import new_reference

SAME_WITHIN = timedelta(hours=1)  # the same words again are the same form sent twice
MAILS_A_DAY = 3  # acknowledgements to one address, so that nobody can flood a stranger's mailbox with them
ANSWERED, REOPENED = "cms.message.answer", "cms.message.reopen"


@transaction.atomic
def send_message(*, name: str, email: str, text: str, entry: Entry | None = None) -> Message:
    """Keep a message and acknowledge it, if `email` (normalised) is given. The same form sent twice is one message.

    Beyond three a day an address gets no more acknowledgements, but every message is kept.
    """
    now = timezone.now()
    earlier = Message.objects.filter(email=email, received_at__gt=now - timedelta(days=1))
    same = earlier.filter(text=text, name=name, entry=entry, received_at__gt=now - SAME_WITHIN, answered_at=None)
    if found := same.first():
        return found
    acknowledge = bool(email) and earlier.count() < MAILS_A_DAY
    message = Message.objects.create(
        reference=new_reference("M"), entry=entry, name=name, email=email, text=text, received_at=now
    )
    if acknowledge:  # nothing of what a stranger typed goes into the mail
        subject = f"We have your message {message.reference}"
        send_to_stranger(email, subject, "cms/email/message_received.txt", reference=message.reference)
    return message


def entry_in_question(text: str) -> Entry | None:
    """The open entry whose id stands in an address, or None: ids are typed by strangers."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return open_entries().filter(pk=int(text)).first()


def answer_message(*, message: Message, by: Any, note: str) -> bool:
    """Note that a message was answered, and what was done; return False if somebody had done so before."""
    waiting = Message.objects.filter(pk=message.pk, answered_at=None)
    if not waiting.update(answered_at=timezone.now(), answered_by=by, note=note):
        return False
    log(message, ANSWERED, user=by)
    return True


def reopen_message(*, message: Message, by: Any) -> bool:
    """Put a message back among those that wait, with its note; return False if it waits already."""
    answered = Message.objects.filter(pk=message.pk, answered_at__isnull=False)
    if not answered.update(answered_at=None, answered_by=None):
        return False
    log(message, REOPENED, user=by)
    return True
