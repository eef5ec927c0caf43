"""`index_entries`: writes what the directory's search knows of every entry anew."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from cms.indexing import index_entries


class Command(BaseCommand):
    help = "Write what the directory's search knows of every entry anew. Safe at any time, and repeatable."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        number = index_entries()
        self.stdout.write(json.dumps({"indexed": number}) if options["json"] else f"{number} entries are indexed.")
