"""`export_member EMAIL`: everything held about one person, as they would get it themselves."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from membership.accounts import find_account
from membership.models import Member
from membership.views_data import export_of
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = "Print everything held about one person as JSON (with --json, on one line)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email", metavar="EMAIL", help="the person's e-mail address")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = find_account(options["email"])
        if not user:
            raise Error("There is no account with this address.")
        member = Member.objects.select_related("user", "region").filter(user=user).first() or Member(user=user)
        text = json.dumps(export_of(member), cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
        if not self.quiet:
            self.stdout.write(text)
        result: dict[str, Any] = json.loads(text)
        return result
