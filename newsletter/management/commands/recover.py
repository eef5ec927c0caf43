"""`recover`: one sweep of the ledger."""

from dataclasses import asdict
from typing import Any

from newsletter.management.operator import OperatorCommand
from newsletter.recovery import recover


class Command(OperatorCommand):
    help = "Give back claims of stopped workers, call stale sends unknown, close finished mailings."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        found = asdict(recover())
        self.say(", ".join(f"{name}: {count}" for name, count in found.items()))
        return found
