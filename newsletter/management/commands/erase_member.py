"""`erase_member EMAIL`: erase one person, as they would do it themselves, or whoever wrote to us without an account."""

from typing import Any

from cms.addresses import normalise_address
from membership.accounts import find_account
from membership.erasing import erase, erase_stranger
from newsletter.management.members import NO_ACCOUNT, MemberCommand
from newsletter.management.operator import Error


class Command(MemberCommand):
    help = "Erase everything held about one person, at once; whoever has an account is told by a last mail."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = find_account(options["email"])
        if not user:
            return self.erase_stranger(options["email"])
        pk = user.pk
        erased = erase(user)
        self.say(f"Account {pk} is erased. What is left is the keyed hash of its address.")
        return {"account": pk, "erased": erased}

    def erase_stranger(self, typed: str) -> dict[str, Any]:
        """Erase what an address without an account left with the hub. Raises Error when that is nothing."""
        try:
            address = normalise_address(typed)
        except ValueError:
            raise Error(NO_ACCOUNT) from None
        try:
            gone = erase_stranger(address)
        except OSError as error:
            raise Error("Nothing was erased: the journal (ERASURE_JOURNAL) cannot be written.") from error
        if not gone.anything:
            raise Error(NO_ACCOUNT)
        self.say(
            f"There was no account. Erased: submissions {gone.submissions}, messages {gone.messages}, "
            f"contacts of listings {gone.listings}."
        )
        return {
            "account": None,
            "erased": True,
            "submissions": gone.submissions,
            "messages": gone.messages,
            "listings": gone.listings,
        }
