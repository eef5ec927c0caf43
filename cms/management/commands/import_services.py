"""`import_services FILE [--dry-run] [--publish]`: take over support services from Open Referral JSON or a CSV."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cms.importing import Outcome, Report, import_services
from cms.openreferral.rows import FileError


class Error(CommandError):
    """Shown as `Error: …` on stderr; the command ends with exit 1."""


class Command(BaseCommand):
    help = "Import support services from Open Referral JSON or a CSV (docs/open-data.md). A file may be imported again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="Open Referral JSON, or a CSV with a row of columns"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
        parser.add_argument("--publish", action="store_true", help="publish new services at once (default: drafts)")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        quiet, dry_run = options["json"], options["dry_run"]
        console = Console(file=sys.stderr if quiet else sys.stdout, highlight=False, markup=False)
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        try:
            with bar:
                task = bar.add_task("Looking at rows" if dry_run else "Importing", total=None)
                report = import_services(
                    path=options["file"],
                    publish=options["publish"],
                    dry_run=dry_run,
                    progress=lambda: bar.advance(task),
                )
        except (FileError, DatabaseError) as error:
            taken = int(bar.tasks[0].completed)
            again = f" The {taken} rows before it are imported; put that right and run the same again."
            raise Error(" ".join(f"{error}{again if taken and not dry_run else ''}".split())) from error
        if not quiet:
            self._show(console, report, dry_run=dry_run)
            return
        rejected = [{"row": number, "problem": problem} for number, problem in report.rejected]
        self.stdout.write(json.dumps({"dry_run": dry_run, "rows": report.rows, **report.counts, "problems": rejected}))

    def _show(self, console: Console, report: Report, *, dry_run: bool) -> None:
        title = f"{report.rows} row{'' if report.rows == 1 else 's'}{', nothing was changed' if dry_run else ''}"
        table = Table(title=title, title_justify="left", show_header=False)
        for outcome in Outcome:
            table.add_row(str(outcome.label), str(report.counts[outcome.value]))
        console.print(table)
        for number, problem in report.rejected:
            console.print(f"Row {number}: {problem}")
