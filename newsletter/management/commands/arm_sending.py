"""`arm_sending --by EMAIL --reason TEXT`: let this installation mail by itself again (docs/runbook.md)."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from newsletter.management.acts import AnswerableCommand
from newsletter.rearming import arm


class Command(AnswerableCommand):
    help = "Let a restored or copied installation mail by itself, once somebody has checked it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="although something speaks against it")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        against = arm(by=self.person(options), reason=options["reason"], force=options["force"])
        for sentence in against:
            self.say(f"In spite of this: {sentence}")
        self.say("Sending is armed: what is approved and due goes out by itself.")
        if not settings.SENDING_ARMED:
            self.say("But SENDING_ARMED is false in the environment: set it to true and restart the processes.")
        return {"armed": bool(settings.SENDING_ARMED), "against": against}
