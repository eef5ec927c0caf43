"""`read_bounces`: what came back by mail, fetched and read now."""

from typing import Any

from newsletter import collecting, intake
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = (
        "Fetch what came into the bounce mailbox (BOUNCE_MAILBOX) and read it, as the scheduler does every 5 minutes."
    )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        try:
            collected = collecting.collect()
        except collecting.MailboxUnavailable as error:
            raise Error(str(error)) from error
        read = intake.read_all()
        self.say(f"{collected.stored} messages fetched, {read.reports} reports read, {read.events} new events.")
        if collected.left:
            self.say("More are waiting: run it again.")
        return {
            "fetched": collected.stored,
            "left": collected.left,
            "read": read.reports,
            "events": read.events,
            "failed": read.failed,
        }
