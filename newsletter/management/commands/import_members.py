"""`import_members FILE [--dry-run]`: register the people of an existing list, and ask each to confirm by mail."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.template.defaultfilters import pluralize
from rich.table import Table

from cms.models import Sector
from membership import importing, spreadsheets
from membership.columns import REQUIRED, guess_columns
from newsletter.management.operator import Error, OperatorCommand

SHOWN_PROBLEMS = 30


class Command(OperatorCommand):
    help = "Import members from a CSV or XLSX file: each is asked to confirm. A file may be imported twice."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path, help="CSV or XLSX; its first row names the columns")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
        parser.add_argument(
            "--sector", action="append", default=[], metavar="SLUG", help="sector of rows that name none (repeatable)"
        )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        sheet = spreadsheets.read(self._content(options["file"]))
        columns = guess_columns(sheet.headers)
        if REQUIRED not in columns:
            raise Error("No column of this file is called “E-mail address”, or anything like it.")
        sectors = [self._sector(slug) for slug in options["sector"]]
        plan = importing.plan(sheet, columns, default_sectors=sectors)
        self._show(plan)
        done = importing.Done()
        if not options["dry_run"]:
            ready = plan.ready()
            with self.progress("Asking to confirm", len(ready)) as advance:
                done = importing.perform(ready, progress=advance)
            self.say(f"{done.imported} people were registered and asked to confirm.")
            if done.trouble:
                raise Error(f"{done.trouble} {done.imported} were imported before it; run the same command again.")
        return {
            "dry_run": options["dry_run"],
            "rows": len(plan.lines),
            **plan.counts,
            "imported": done.imported,
            "problems": [{"row": line.number, "problem": line.problem} for line in plan.problems],
        }

    def _content(self, path: Path) -> bytes:
        try:
            if path.stat().st_size > spreadsheets.MAX_BYTES:
                raise Error(f"{path} is larger than {spreadsheets.MAX_BYTES // 1024 // 1024} MB.")
            return path.read_bytes()
        except OSError as error:
            raise Error(f"{path} cannot be read: {error.strerror}.") from error

    def _sector(self, slug: str) -> Sector:
        sector = Sector.objects.filter(slug=slug).first()
        if not sector:
            known = ", ".join(Sector.objects.values_list("slug", flat=True))
            raise Error(f"There is no sector “{slug}”. Known are: {known}.")
        return sector

    def _show(self, plan: importing.Plan) -> None:
        table = Table(
            title=f"{len(plan.lines)} row{pluralize(len(plan.lines))}", title_justify="left", show_header=False
        )
        for outcome in importing.Outcome:
            table.add_row(str(outcome.label), str(plan.counts[outcome.value]))
        self.show(table)
        for line in plan.problems[:SHOWN_PROBLEMS]:
            self.say(f"Row {line.number}: {line.problem}")
        if (more := len(plan.problems) - SHOWN_PROBLEMS) > 0:
            self.say(f"… and {more} more.")
