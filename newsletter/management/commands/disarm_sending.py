"""`disarm_sending --by EMAIL --reason TEXT`: mail nothing more by itself, from the next group of messages on."""

from typing import Any

from newsletter.management.acts import AnswerableCommand
from newsletter.rearming import disarm


class Command(AnswerableCommand):
    help = "Mail nothing more by itself: no issue, no yearly question, no question to contacts."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        disarm(by=self.person(options), reason=options["reason"])
        self.say("Sending is disarmed. What workers hold at this moment, at most 50 messages each, still goes out.")
        return {"armed": False}
