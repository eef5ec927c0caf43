"""`erase_member EMAIL`: erase one person, as they would do it themselves."""

from typing import Any

from django.core.management.base import CommandParser

from membership.accounts import find_account
from membership.erasing import erase
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = "Erase everything held about one person, at once; they are told by a last mail."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email", metavar="EMAIL", help="the person's e-mail address")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = find_account(options["email"])
        if not user:
            raise Error("There is no account with this address.")
        pk = user.pk
        erased = erase(user)
        self.say(f"Account {pk} is erased. What is left is the keyed hash of its address.")
        return {"account": pk, "erased": erased}
