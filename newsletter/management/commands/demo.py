"""`demo`: sample content and members, last month's issue compiled, approved and sent to `var/outbox/`."""

from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import CommandParser
from django.db.models import Count
from django.utils import timezone
from rich.table import Table

from cms.groups import AUTHORS_GROUP
from cms.sample_content import load_entries, load_pages
from cms.sample_desk import load_desk
from cms.standard_pages import sample_texts
from membership.models import User
from membership.sample_members import make_members
from newsletter.adding_up import add_up
from newsletter.approving import approve
from newsletter.certificate import certify
from newsletter.compiling import compile_issue
from newsletter.engaging import add_up_engagement
from newsletter.management.operator import OperatorCommand
from newsletter.management.tables import certificate_table
from newsletter.models import Delivery, Edition, Issue, Mailing, NewsletterSettings
from newsletter.periods import Period
from newsletter.sample_hits import make_sample_hits
from newsletter.sending import drain_to_the_end, start
from newsletter.site import APPROVERS_GROUP

SAMPLE_MEMBERS = 480  # so that most sectors have ten readers or more in the reports
ADMIN, PASSWORD = "admin@example.org", "demo-only-password"
APPROVER, AUTHOR = "approver@example.org", "author@example.org"
PINNED = 2


class Command(OperatorCommand):
    help = "Load sample content and members, then compile, approve and send last month's e-news. May be run again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--members", type=int, default=SAMPLE_MEMBERS, metavar="N", help="sample members (default 480)"
        )
        parser.add_argument("--no-send", action="store_true", help="stop after compiling: the issue stays a draft")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        period = Period.containing(timezone.localdate()).previous
        self._people()
        self._content(period)
        with self.progress("Sample members", None):
            make_members(options["members"])
        issue = self._issue(period)
        if not options["no_send"]:
            approve(issue, by=User.objects.get(email=APPROVER))
            start(issue)
            left = Delivery.objects.filter(issue=issue).unfinished().count()
            with self.progress(f"Sending {issue.period}", left) as advance:
                self.fail_if_stuck(drain_to_the_end(issue, progress=advance))
            make_sample_hits(issue)
            add_up(issue.pk)
            add_up_engagement()
        return self._summary(issue)

    def _people(self) -> None:
        """An editor who may do anything, the colleague who approves, and one who writes and may do neither."""
        if not User.objects.filter(email=ADMIN).exists():
            self._verified(User.objects.create_superuser(ADMIN, PASSWORD, first_name="Demo", last_name="Editor"))
        for email, name, group in ((APPROVER, "Approver", APPROVERS_GROUP), (AUTHOR, "Author", AUTHORS_GROUP)):
            if not User.objects.filter(email=email).exists():
                person = User.objects.create_user(email, PASSWORD, first_name="Demo", last_name=name)
                person.groups.add(Group.objects.get(name=group))
                self._verified(person)

    def _verified(self, user: User) -> None:
        """Let a sample person log in without a mail to confirm the address."""
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)

    def _content(self, period: Period) -> None:
        load_pages()
        with self.progress("Sample entries", None) as advance:
            load_entries(period.first_day, advance)
        load_desk()
        # The hub held a directory before its first e-news: only the month's own additions are announced.
        chosen = NewsletterSettings.load()
        if chosen.announce_since is None:
            chosen.announce_since = period.first_day
            chosen.save(update_fields=["announce_since"])

    def _issue(self, period: Period) -> Issue:
        """Compile the month, and shape a fresh draft a little, as an editor would."""
        existing = Issue.objects.filter(period=str(period)).first()
        if existing and existing.live:
            return existing
        issue = compile_issue(period).issue
        assert issue, "the sample holds entries of last month"
        if not existing:
            draft = issue.get_latest_revision_as_object()
            draft.introduction = sample_texts()["issue_introduction"]
            items = list(draft.items.all())
            for item in [one for one in items if one.section in {"service", "resource"}][:PINNED]:
                item.pinned = True
            draft.items.set(items)
            draft.save_revision()
        issue.refresh_from_db()
        return issue

    def _summary(self, issue: Issue) -> dict[str, Any]:
        mailing, certificate = issue.get_mailing(), certify(issue)
        editions = Edition.objects.filter(issue=issue)
        outbox = Path(settings.OUTBOX_DIR)
        result = {
            **certificate.as_dict(),
            "state": mailing.state if mailing else "draft",
            "editions": editions.count(),
            "items": (issue if issue.live else issue.get_latest_revision_as_object()).items.count(),
            "outbox": str(outbox),
        }
        if mailing:
            self.show(self._edition_table(issue))
            self.show(certificate_table(certificate))
        table = Table(title=f"The e-news of {issue.month.title}", title_justify="left", show_header=False)
        members = User.objects.filter(member__isnull=False).count()
        for name, value in (
            ("Items", result["items"]),
            ("Members", members),
            ("Editions", result["editions"]),
            ("Mails", f"{outbox}/*.eml" if mailing and mailing.state == Mailing.State.FINISHED else "not sent"),
            ("Look at it", f"make run, then {settings.SITE_URL}/e-news/{issue.period}/"),
            ("Its report", f"{settings.SITE_URL}/admin/e-news/{issue.pk}/report/, of sample opens and clicks"),
            ("Admin", f"{settings.SITE_URL}/admin/  {ADMIN}  {PASSWORD}"),
            ("Colleagues", f"{APPROVER} and {AUTHOR}, the same password"),
        ):
            table.add_row(name, str(value))
        self.show(table)
        return result

    def _edition_table(self, issue: Issue) -> Table:
        """The editions that reach most members; the rest is counted in one line."""
        editions = Edition.objects.filter(issue=issue).defer("html", "text")
        rows = list(
            editions.annotate(reach=Count("deliveries", distinct=True), size=Count("places", distinct=True)).order_by(
                "-reach", "number"
            )
        )
        table = Table(title="Editions", title_justify="left")
        table.add_column("Edition first made for")
        table.add_column("Members", justify="right")
        table.add_column("Items", justify="right")
        for edition in rows[:12]:
            table.add_row(edition.label, str(edition.reach), str(edition.size))
        if rest := rows[12:]:
            table.add_row(f"and {len(rest)} more editions", str(sum(one.reach for one in rest)), "")
        return table
