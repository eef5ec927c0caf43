"""What the commands about one person share: finding the account."""

from typing import Any

from django.core.management.base import CommandParser

from membership.accounts import find_account
from membership.models import User
from newsletter.management.operator import Error, OperatorCommand

NO_ACCOUNT = "There is no account with this address."


class MemberCommand(OperatorCommand):
    """A command about one person, named by their address."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email", metavar="EMAIL", help="the person's e-mail address")

    def account(self, options: dict[str, Any]) -> User:
        """The account with the address given. Raises Error when there is none."""
        user = find_account(options["email"])
        if not user:
            raise Error(NO_ACCOUNT)
        return user
