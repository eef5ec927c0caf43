"""`provider_reports`: what the mail provider reported and nobody has read yet."""

from typing import Any

from django.core.management.base import CommandParser

from newsletter import intake
from newsletter.management.operator import OperatorCommand

SHOWN = 50


class Command(OperatorCommand):
    help = "Read the mail provider's waiting reports, and list those that cannot be read (never what is in them)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--again", action="store_true", help="try those that were given up once more")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["again"]:
            intake.unreadable().update(attempts=0, problem="")
        read = intake.read_all()
        self.say(f"{read.reports} reports read, {read.events} new events, {read.failed} failed.")
        given_up = intake.unreadable().order_by("pk").values("pk", "provider", "received_at", "problem")
        for one in (listed := list(given_up[:SHOWN])):
            self.say(f"{one['pk']} {one['provider']} {one['received_at']:%Y-%m-%d %H:%M} {one['problem']}")
        unreadable = [one | {"received_at": one["received_at"].isoformat()} for one in listed]
        return {"read": read.reports, "events": read.events, "failed": read.failed, "unreadable": unreadable}
