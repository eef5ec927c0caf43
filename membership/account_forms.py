"""Forms of logging in and of changing one's address: allauth's, with our spelling of addresses and our limits."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest

from cms import limits
from membership.accounts import find_account
from membership.fields import AddressField
from membership.models import User


def allow_or_refuse(action: str, address: str) -> None:
    if not limits.allow(context.request, action, address):
        raise get_adapter().validation_error("rate_limited")


class LoginForm(allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = AddressField()
        self.order_fields(["login", "password", "remember"])


class LoginCodeForm(allauth_forms.RequestLoginCodeForm):
    """Asking for a code. The same limit, query and mail follow for known and unknown addresses."""

    email = AddressField()

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"]
        allow_or_refuse("login_code", address)
        found = find_account(address)
        self._user = found if found and found.is_active else None
        return address


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    """Asking for a link to choose a new password."""

    email = AddressField()

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"]
        allow_or_refuse("reset", address)
        found = find_account(address)
        self.users = [found] if found and found.is_active else []
        return address

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        if not self.users:
            default_token_generator.make_token(User(pk=0, email=self.cleaned_data["email"]))
        address: str = super().save(request, **kwargs)
        return address


class ChangeAddressForm(allauth_forms.AddEmailForm):
    """A new address. Whether another account has it is told to its owner by mail, and to nobody else."""

    email = AddressField(label="New e-mail address")

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"]
        assert self.user
        if address == self.user.email:
            raise forms.ValidationError("This is your address already.")
        allow_or_refuse("change_address", address)
        return address
