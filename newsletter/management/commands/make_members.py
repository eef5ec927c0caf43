"""`make_members 10000`: sample members for benchmarks and for trying things out."""

from typing import Any

from django.core.management.base import CommandParser

from membership.sample_members import make_members
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = "See to it that so many sample members exist (on example.org)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("number", metavar="N", type=int)
        parser.add_argument("--audiences", type=int, help="deal their choices from so many different ones, all active")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["number"] < 0:
            raise Error("N must not be negative.")
        made = make_members(options["number"], audiences=options["audiences"])
        self.say(f"{made} sample members were created.")
        return {"created": made}
