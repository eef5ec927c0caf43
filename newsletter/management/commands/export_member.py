"""`export_member EMAIL`: everything held about one person, as they would get it themselves."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from membership.models import Member
from membership.views_data import export_of
from newsletter.management.members import MemberCommand


class Command(MemberCommand):
    help = "Print everything held about one person as JSON (with --json, on one line)."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = self.account(options)
        member = Member.objects.select_related("user", "region").filter(user=user).first() or Member(user=user)
        text = json.dumps(export_of(member), cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
        if not self.quiet:
            self.stdout.write(text)
        result: dict[str, Any] = json.loads(text)
        return result
