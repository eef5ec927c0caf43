"""Account mail: plain words, its own sender, handed over when the transaction has been committed."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from membership.models import User


def send_confirmation(user: User, token: str) -> None:
    link = settings.SITE_URL + reverse("confirm", args=[token])
    _send(user, "Please confirm your i-HOP membership", "membership/email/confirm.txt", {"link": link})


def send_already_member(user: User) -> None:
    link = settings.SITE_URL + reverse("account_login")
    _send(user, "You are already a member of i-HOP", "membership/email/already_member.txt", {"link": link})


def _send(user: User, subject: str, template: str, context: dict[str, str]) -> None:
    text = render_to_string(template, {"user": user, "helpline": settings.HELPLINE, **context})
    message = EmailMessage(
        subject, text, settings.ACCOUNTS_FROM, [user.email], headers={"Auto-Submitted": "auto-generated"}
    )
    transaction.on_commit(lambda: message.send() and None)
