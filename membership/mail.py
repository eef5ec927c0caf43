"""Account mail: plain words, its own sender, handed over when the transaction has been committed.

Every answer to a stranger's form sends exactly one mail, whether or not the address is known, and where mail goes over
the network it is handed over behind the answer (ADR 11): neither status, body nor time tells the two apart.
"""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from cms.mail import HEADERS, hand_over
from membership.models import User
from membership.signals import something_to_read


def send_confirmation(user: User, token: str, *, wants_news: bool) -> None:
    context = {"link": settings.SITE_URL + reverse("confirm", args=[token]), "wants_news": wants_news}
    _send(user.email, "Please confirm your i-HOP membership", "membership/email/confirm.txt", context)


def send_already_member(user: User) -> None:
    link = settings.SITE_URL + reverse("account_login")
    _send(user.email, "You are already a member of i-HOP", "membership/email/already_member.txt", {"link": link})


def send_unknown(address: str) -> None:
    """Tell somebody who waits for a confirmation that we have no sign-up from this address."""
    link = settings.SITE_URL + reverse("join")
    _send(address, "No i-HOP membership waits here", "membership/email/unknown.txt", {"link": link}, to_stranger=True)


def send_welcome(user: User, *, wants_news: bool) -> None:
    context = {
        "user": user,
        "wants_news": wants_news,
        "reading": something_to_read(),
        "benefits": f"{settings.SITE_URL}/benefits/",
        "account": settings.SITE_URL + reverse("account"),
    }
    _send(user.email, "Welcome to i-HOP", "membership/email/welcome.txt", context)


def _send(address: str, subject: str, template: str, context: dict[str, object], *, to_stranger: bool = False) -> None:
    text = render_to_string(template, {"helpline": settings.HELPLINE, **context})
    hand_over(EmailMessage(subject, text, settings.ACCOUNTS_FROM, [address], headers=HEADERS), to_stranger=to_stranger)
