"""`erase_member EMAIL`: erase one person, as they would do it themselves."""

from typing import Any

from membership.erasing import erase
from newsletter.management.members import MemberCommand


class Command(MemberCommand):
    help = "Erase everything held about one person, at once; they are told by a last mail."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = self.account(options)
        pk = user.pk
        erased = erase(user)
        self.say(f"Account {pk} is erased. What is left is the keyed hash of its address.")
        return {"account": pk, "erased": erased}
