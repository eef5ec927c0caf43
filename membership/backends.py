"""Checking passwords: one query and one hash, whether or not the address is known (quality.md 17)."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser

from membership.accounts import find_account


class AccountBackend(AuthenticationBackend):
    """allauth's backend, which hashes for unknown addresses too, with our own spelling of addresses."""

    def _authenticate_by_email(self, email: str, password: str) -> AbstractBaseUser | None:
        found: AbstractBaseUser | None = self._check_password(find_account(email), password)
        return found
