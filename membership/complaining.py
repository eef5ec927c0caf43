"""Complaints about how we use personal data: received, acknowledged, answered by staff."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from cms.tokens import new_reference
from membership.letters import letter
from membership.models import Complaint

SAME_WITHIN = timedelta(hours=1)  # the same words again are the same form sent twice
MAILS_A_DAY = 3  # acknowledgements to one address, so that nobody can flood a stranger's mailbox with them


@transaction.atomic
def complain(*, name: str, email: str, text: str) -> Complaint:
    """Keep a complaint and acknowledge it by mail, with its reference. The same form sent twice is one complaint.

    Nothing is refused: beyond three a day an address gets no more acknowledgements, but every complaint is kept.
    """
    now = timezone.now()
    earlier = Complaint.objects.filter(email=email, received_at__gt=now - timedelta(days=1))
    same = earlier.filter(text=text, name=name, received_at__gt=now - SAME_WITHIN, closed_at=None).first()
    if same:
        return same
    acknowledge = earlier.count() < MAILS_A_DAY
    reference = new_reference("C")
    complaint = Complaint.objects.create(reference=reference, name=name, email=email, text=text, received_at=now)
    if acknowledge:
        message = letter(
            email,
            "",  # nothing of what a stranger typed goes into a mail
            f"We have your complaint {complaint.reference}",
            "membership/email/complaint.txt",
            reference=complaint.reference,
        )
        transaction.on_commit(lambda: message.send() and None, robust=True)
    return complaint
