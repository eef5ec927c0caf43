"""What the operator's acts share: who does it and why, for the issue's audit log."""

from typing import Any

from django.core.management.base import CommandParser

from cms.addresses import normalise_address
from membership.models import User
from newsletter.management.operator import Error, IssueCommand, OperatorCommand


class ActCommand(IssueCommand):
    """A command that is written into an issue's audit log, with `--by` and, if the act needs one, `--reason`."""

    needs_reason = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--by", metavar="EMAIL", help="whose act it is (default: nobody is named)")
        if self.needs_reason:
            parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the issue")

    def actor(self, options: dict[str, Any]) -> User | None:
        """The person named by `--by`; nobody where it is left out."""
        return _staff(options["by"], "name somebody who does, or leave --by out") if options["by"] else None


class AnswerableCommand(OperatorCommand):
    """A command about the whole installation, for which a named person answers with a reason."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--by", required=True, metavar="EMAIL", help="who answers for it")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the audit log")

    def person(self, options: dict[str, Any]) -> User:
        return _staff(options["by"], "name somebody who does")


def _staff(address: str, advice: str) -> User:
    """The person with this address, who must be one that may enter the admin."""
    person = User.objects.filter(email=normalise_address(address), is_active=True).first()
    if not person or not person.has_perm("wagtailadmin.access_admin"):
        raise Error(f"Nobody with that address works in the admin: {advice}.")
    return person
