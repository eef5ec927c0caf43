"""How django-allauth behaves here."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse

from cms import limits
from cms.addresses import normalise_address
from cms.mail import HEADERS, hand_over
from membership.accounts import address_taken

TO_STRANGERS = {"account/email/unknown_account"}  # nobody has an account there


class AccountAdapter(DefaultAccountAdapter):
    """Joining happens on our own page, which records consent; account mail has its own sender and its own words."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "This address and this password do not belong together.",
        "too_many_login_attempts": "That was tried too many times. Please wait a few minutes.",
        "rate_limited": "That was tried too many times. Please wait a few minutes.",
        "incorrect_code": "This is not the code we sent, or it has run out.",
        "incorrect_password": "This is not your password.",
        "enter_current_password": "This is not your present password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_from_email(self) -> str:
        return str(settings.ACCOUNTS_FROM)

    def get_login_stages(self) -> list[str]:
        ours = {"allauth.account.stages.LoginByCodeStage": "membership.stages.LoginByCodeStage"}
        return [ours.get(stage, stage) for stage in super().get_login_stages()]

    def get_client_ip(self, request: HttpRequest) -> str:
        """A keyed hash: nothing of allauth ever sees, stores or mails an IP address."""
        return limits.place(request)

    def get_http_user_agent(self, request: HttpRequest) -> str:
        return ""

    # --- Mail ------------------------------------------------------------------------------------

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        values = {"email": email, "site": settings.SITE_URL, "helpline": settings.HELPLINE, **context}
        message = self.render_mail(template_prefix, email, values, headers=HEADERS)
        hand_over(message, to_stranger=template_prefix in TO_STRANGERS)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        """Mail the link of a new address; where another account has the address, a note without a link."""
        address = emailconfirmation.email_address
        if address_taken(address.email, apart_from=address.user):
            self.send_mail("account/email/address_in_use", address.email, {})
        else:
            super().send_confirmation_mail(request, emailconfirmation, signup)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return settings.SITE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, token = key.partition("-")
        return settings.SITE_URL + reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})

    # --- Changing the address --------------------------------------------------------------------

    def clean_email(self, email: str) -> str:
        return normalise_address(email)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Take over a confirmed address, all of it or nothing of it: somebody else may have taken it meanwhile."""
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError:
            self.add_message(request, messages.ERROR, "account/messages/email_confirmation_failed.txt")
            return False

    # --- Limits of failed logins -----------------------------------------------------------------

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return limits.key_here(request, _spelling(credentials.get("email", "")))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a try against the address from anywhere (a high limit), then against it from here (a low one)."""
        self._anywhere = ratelimit.consume(
            request,
            app="allauth.account",
            action="login_failed_anywhere",
            key=limits.key_anywhere(_spelling(credentials.get("email", ""))),
        )
        if not self._anywhere:
            raise self.validation_error("too_many_login_attempts")
        super().pre_authenticate(request, **credentials)

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        self._anywhere.rollback()


def _spelling(address: str) -> str:
    try:
        return normalise_address(address)
    except ValueError:
        return address.lower()
