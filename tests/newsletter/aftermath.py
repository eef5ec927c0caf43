"""What tests of corrections and retargeted links start from: an issue that went out, and the desk's people."""

from django.contrib.auth.models import Group
from django.test import Client

from membership.models import User
from newsletter.freezing import freeze
from newsletter.models import Delivery, Issue, Item, Mailing
from newsletter.sending import drain_to_the_end, start
from newsletter.site import APPROVERS_GROUP
from tests import factories
from tests.newsletter.fakes import RecordingTransport

WRONG = "<p>We gave the wrong telephone number. It is 0808 802 2013.</p>"


def send(issue: Issue, transport: RecordingTransport | None = None) -> list[str]:
    """Send an approved issue to the end; return who was mailed, by the first part of the address, sorted."""
    transport = transport or RecordingTransport()
    start(issue, transport)
    drain_to_the_end(issue, transport=transport)
    return sorted(recipient.partition("@")[0] for recipient in transport.recipients)


def freeze_only(issue: Issue) -> Mailing:
    return freeze(Issue.objects.get(pk=issue.pk))


def worded(correction: Issue, text: str = WRONG, by: User | None = None) -> Issue:
    """Say what was wrong, as an editor does."""
    latest = correction.get_latest_revision_as_object()
    latest.introduction = text
    latest.save_revision(user=by)
    return Issue.objects.get(pk=correction.pk)


def published(correction: Issue) -> Issue:
    """As approving does, without asking anybody."""
    worded(correction).latest_revision.publish(skip_permission_checks=True)
    return Issue.objects.get(pk=correction.pk)


def reasons(issue: Issue) -> dict[str, str]:
    """Who is in the ledger, with why they are not mailed, or the state they are in."""
    rows = Delivery.objects.filter(issue=issue).values_list("member__user__email", "state", "reason")
    return {email.partition("@")[0]: reason or state for email, state, reason in rows}


def staff(email: str, group: str = APPROVERS_GROUP) -> User:
    user = factories.UserFactory(email=email)
    user.groups.add(Group.objects.get(name=group))
    return user


def desk(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def item(issue: Issue, title: str = "For health") -> Item:
    """The issue's item of the entry with this title."""
    return issue.items.get(page__title=title)
