"""`compile_issue --month 2026-10`: gather what was published into that month's draft."""

from typing import Any

from django.core.management.base import CommandParser

from newsletter.compiling import compile_issue
from newsletter.management.operator import OperatorCommand
from newsletter.periods import Period


class Command(OperatorCommand):
    help = "Compile a month's issue; run again, it adds newcomers and leaves the editors' work alone."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--month", required=True, help="the month, such as 2026-10")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        compiled = compile_issue(Period.parse(options["month"]))
        if not compiled.issue:
            self.say(f"Nothing was published for {compiled.period}: no issue was made.")
        else:
            self.say(f"Issue {compiled.period}: {compiled.added} items added.")
        for one in compiled.left_out:
            self.say(f"  left out: {one.title} ({one.reason})")
        return {
            "issue": compiled.period,
            "made": compiled.issue is not None,
            "added": compiled.added,
            "left_out": [{"title": one.title, "reason": one.reason} for one in compiled.left_out],
        }
