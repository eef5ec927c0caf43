"""Offering something for the directory: typed by anybody, confirmed by e-mail, then made into a draft (ADR 17)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from cms import moderating
from cms.drafting import draft
from cms.mail import send_to_stranger
from cms.models import Submission
from cms.tokens import hash_of, new_reference, new_token

State = Submission.State
SAME_WITHIN = timedelta(hours=1)  # the same words again are the same form sent twice
UNANSWERED = 3  # mails in a day that ask an address to confirm, so that nobody can flood a stranger's mailbox
CONFIRM_WITHIN = timedelta(days=28)  # `cms.retention` deletes what was not confirmed a day later


@transaction.atomic
def submit(
    *, kind: str, title: str, words: Mapping[str, Any], name: str, email: str, organisation: str = ""
) -> Submission | None:
    """Keep an offer and ask its sender, by mail, to confirm. The same form sent twice is one offer and one mail.

    All arguments are cleaned (`submission_forms.py`), `email` is normalised. Returns None, and keeps nothing, when the
    address has left as many mails as it gets in a day without an answer.
    """
    now = timezone.now()
    earlier = Submission.objects.filter(email=email, made_at__gt=now - timedelta(days=1))
    for one in earlier.filter(kind=kind, title=title, made_at__gt=now - SAME_WITHIN):
        if one.words == words:
            return one
    if earlier.filter(state=State.UNCONFIRMED).count() >= UNANSWERED:
        return None
    token, token_hash = new_token()
    submission = Submission.objects.create(
        reference=new_reference("S"),
        kind=kind,
        title=title,
        words=dict(words),
        name=name,
        email=email,
        organisation=organisation,
        token_hash=token_hash,
        made_at=now,
    )
    # Nothing that was typed stands in this mail: the address need not be the sender's own.
    link = settings.SITE_URL + reverse("submit_confirm", args=[token])
    send_to_stranger(email, "Please confirm what you offer to i-HOP", "cms/email/submission_confirm.txt", link=link)
    return submission


def find_by_token(token: str) -> Submission | None:
    """What a confirmation link belongs to, while it may still be confirmed or once it has been."""
    found = Submission.objects.filter(token_hash=hash_of(token)).first()
    if found and found.state == State.UNCONFIRMED and found.made_at < timezone.now() - CONFIRM_WITHIN:
        return None
    return found


@transaction.atomic
def confirm(*, submission: Submission) -> Submission:
    """Hand an offer to the editors: a draft entry, a workflow, and a receipt by mail. Does nothing the second time."""
    locked = Submission.objects.select_for_update().get(pk=submission.pk)
    if locked.state != State.UNCONFIRMED:
        return locked
    locked.state = State.WAITING
    locked.confirmed_at = timezone.now()
    locked.entry = draft(locked)
    locked.save(update_fields=["state", "confirmed_at", "entry"])
    moderating.start(locked)
    send_to_stranger(
        locked.email,
        f"We have what you offered: {locked.reference}",
        "cms/email/submission_received.txt",
        submission=locked,
    )
    return locked
