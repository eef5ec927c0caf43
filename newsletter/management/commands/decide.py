"""`decide 2026-10 --treat-as-sent --reason TEXT`: settle what nobody can prove (docs/runbook.md)."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from newsletter.deciding import Choice, decide
from newsletter.management.acts import ActCommand
from newsletter.management.operator import Error
from newsletter.models import Mailing
from newsletter.tasks import send_issue


class Command(ActCommand):
    help = "Decide about the unknown deliveries of an issue: treat them as sent, or send them again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        choices = parser.add_mutually_exclusive_group(required=True)
        for choice, what in (
            (Choice.TREAT_AS_SENT, "nobody is mailed again; somebody may have missed this issue"),
            (Choice.SEND_AGAIN, "they are sent once more; somebody may get this issue twice"),
        ):
            choices.add_argument(f"--{choice}", dest="choice", action="store_const", const=choice, help=what)
        parser.add_argument(
            "--delivery",
            dest="deliveries",
            type=int,
            nargs="+",
            action="extend",
            metavar="ID",
            help="only these, by their number in the certificate (default: every unknown one)",
        )

        parser.add_argument(
            "--deliveries-from",
            type=Path,
            metavar="FILE",
            help="only those whose numbers stand in this file, one a line, as a provider's log has them",
        )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue, choice = self.issue(options), options["choice"]
        deliveries = options["deliveries"]
        if options["deliveries_from"]:
            deliveries = [*(deliveries or []), *_numbers(options["deliveries_from"])]
        done = decide(issue, choice, reason=options["reason"], by=self.actor(options), deliveries=deliveries)
        if choice == Choice.TREAT_AS_SENT:
            self.say(f"{done.count} deliveries of {issue.period} are treated as sent.")
        else:
            self.say(f"{done.count} deliveries of {issue.period} will be sent again.")
            if Mailing.objects.filter(pk=issue.pk, state=Mailing.State.SENDING).exists():
                send_issue.delay_on_commit(issue.pk)
        if done.gone:
            self.say(f"{done.gone} were passed over: their member has gone, so treat them as sent.")
        return {"issue": issue.period, "choice": choice.value, "decided": done.count, "gone": done.gone}


def _numbers(path: Path) -> list[int]:
    try:
        return [int(line) for line in path.read_text().split()]
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Error(f"{path} holds something that is no number of a delivery: {error}.") from error
