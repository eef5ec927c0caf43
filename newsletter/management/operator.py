"""What every operator command shares: `--json`, one clear line and exit 1 on error, progress on a terminal."""

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from newsletter.compiling import IssueError
from newsletter.draining import Sent
from newsletter.models import Issue
from newsletter.periods import Period, validate_name
from newsletter.rendering import RenderError
from newsletter.transports.base import TransportUnavailable

# What an operator can put right; anything else is a fault of ours and keeps its traceback.
EXPECTED = (
    IssueError,
    RenderError,
    TransportUnavailable,
    ImproperlyConfigured,
    ValidationError,
    ValueError,
    DatabaseError,
)


class Error(CommandError):
    """Shown as `Error: …` on stderr; the command ends with exit 1."""


def month(text: str) -> Period:
    """Argument type: a month such as 2026-10."""
    try:
        return Period.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


class OperatorCommand(BaseCommand):
    """Subclasses write `run(options)` and return what `--json` prints as the last line."""

    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        self.quiet = options["json"]
        self.console = Console(file=sys.stdout if not self.quiet else sys.stderr, highlight=False, markup=False)
        try:
            result = self.run(options)
        except EXPECTED as error:
            raise Error(" ".join(_sentence(error).split())) from error
        if self.quiet:
            self.stdout.write(json.dumps(result))

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def say(self, text: str) -> None:
        """A line for people; with --json it is left out."""
        if not self.quiet:
            self.console.print(text)

    def show(self, table: Table) -> None:
        if not self.quiet:
            self.console.print(table)

    def fail_if_stuck(self, sent: Sent) -> None:
        if sent.trouble:
            raise Error(f"{sent.trouble} Nothing is lost: run the same command again.")

    @contextmanager
    def progress(self, label: str, total: int | None) -> Iterator[Any]:
        """Yield a function that moves a bar on by so many; on anything but a terminal nothing is drawn."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=self.quiet or not self.console.is_terminal,
        )
        with bar:
            task = bar.add_task(label, total=total)
            yield lambda steps=1: bar.advance(task, steps)


class IssueCommand(OperatorCommand):
    """A command about one issue, named by its period, or about a correction."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "issue", metavar="ISSUE", help="the issue's month, such as 2026-10, or a correction, 2026-10-c1"
        )

    def issue(self, options: dict[str, Any]) -> Issue:
        name = options["issue"].strip()
        validate_name(name)
        issue = Issue.objects.filter(period=name).first()
        if not issue and name[7:]:
            raise Error(f"There is no correction {name}: an editor drafts it from the Links page of {name[:7]}.")
        if not issue:
            raise Error(f"There is no issue {name}: compile it with `compile_issue --month {name}`.")
        return issue


def _sentence(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    if isinstance(error, DatabaseError):
        cause = str(error).strip().splitlines()[0]
        return f"The database did not answer as it should ({cause}): check DATABASE_URL and run `migrate`."
    return str(error)
