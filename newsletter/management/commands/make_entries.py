"""`make_entries 2000`: sample entries for benchmarks."""

from typing import Any

from django.core.management.base import CommandParser

from cms.sample_content import make_entries
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = "Create so many further sample entries."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("number", metavar="N", type=int)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["number"] < 0:
            raise Error("N must not be negative.")
        with self.progress("Entries", options["number"]) as advance:
            made = make_entries(options["number"], advance)
        self.say(f"{made} sample entries were created.")
        return {"created": made}
