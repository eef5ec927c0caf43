"""What a second person approved is what is sent: later changes of entries do not get into the mail (ADR 14)."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from cms.models import Entry
from membership.models import Subscription
from newsletter.approving import approve, version_of
from newsletter.compiling import IssueError, compile_issue
from newsletter.editions import IssueEditions
from newsletter.freezing import freeze
from newsletter.models import Approval, Delivery, Edition, Issue, Mailing, NewsletterSettings
from newsletter.periods import Period
from newsletter.wording import read_wordings, write_wordings
from tests import factories


@pytest.fixture(autouse=True)
def november(time_machine):
    time_machine.move_to("2026-11-02T09:00:00Z", tick=False)


@pytest.fixture
def approved(approver) -> Issue:
    factories.subscription(sectors=["health"])
    factories.entry(title="A guide for midwives", summary="What to ask at booking.", sectors=["health"])
    factories.entry(title="A day on visits")
    return approve(compile_issue(Period.parse("2026-10")).issue, by=approver)


def change(which: str, **values: object) -> None:
    assert Entry.objects.filter(title=which).update(**values) == 1


def test_an_entry_changed_after_approval_is_sent_as_it_was(approved):
    change("A guide for midwives", title="Changed", summary="Changed too.")
    freeze(approved)
    html = Edition.objects.get().html
    assert "A guide for midwives" in html
    assert "What to ask at booking." in html
    assert "Changed" not in html


def test_whom_it_is_for_stays_as_approved(approved):
    page = Entry.objects.get(title="A guide for midwives").specific
    page.sectors.set([factories.sector("schools")])
    page.save()
    freeze(approved)
    assert "A guide for midwives" in Edition.objects.get().html


def test_an_entry_unpublished_after_approval_falls_out(approved):
    change("A guide for midwives", live=False)
    freeze(approved)
    edition = Edition.objects.get()
    assert "A guide for midwives" not in edition.html
    assert edition.places.count() == 1


def test_when_everything_falls_out_nobody_is_mailed_and_the_ledger_says_why(approved):
    Entry.objects.update(live=False)
    freeze(approved)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == (Delivery.State.SKIPPED, "nothing new for this member")


def test_the_limit_is_the_one_that_was_approved(approved):
    NewsletterSettings.objects.update(items_per_edition=1)
    assert IssueEditions.approved(approved).limit == 12
    assert IssueEditions(approved).limit == 1


def test_a_new_approval_takes_the_words_of_its_own_moment(approved, approver):
    change("A guide for midwives", title="A better guide")
    draft = approved.get_latest_revision_as_object()
    draft.subject = "Second thoughts"
    draft.save_revision()
    again = approve(Issue.objects.get(pk=approved.pk), by=approver)
    assert Approval.objects.filter(issue=approved).count() == 2
    freeze(again)
    html = Edition.objects.get().html
    assert "A better guide" in html
    assert Edition.objects.get().subject == "Second thoughts"


def test_a_later_draft_that_nobody_approved_is_not_sent(approved):
    draft = approved.get_latest_revision_as_object()
    draft.subject = "Not approved"
    draft.save_revision()
    freeze(Issue.objects.get(pk=approved.pk))
    assert Edition.objects.get().subject != "Not approved"


def test_the_wording_survives_being_kept(db):
    pages = [
        factories.entry("event", sectors=["health"], regions=["london"]),
        factories.entry("funding"),
        factories.entry("case-study"),
    ]
    before = IssueEditions(factories.issue(pages=pages)).pages

    kept = Approval(entries=write_wordings(before.values()))
    assert read_wordings(kept) == before


def test_an_entry_that_nobody_approved_does_not_get_in_by_being_published_later(approver):
    factories.subscription(sectors=["health"])
    factories.entry(title="A guide for midwives", sectors=["health"])
    factories.entry(title="Not yet", sectors=["health"])
    issue = compile_issue(Period.parse("2026-10")).issue
    change("Not yet", live=False)
    issue = approve(issue, by=approver)
    change("Not yet", live=True, title="Words nobody saw")
    freeze(issue)
    html = Edition.objects.get().html
    assert "A guide for midwives" in html
    assert "Words nobody saw" not in html


def test_what_a_quarter_adds_is_sent_as_it_was_approved_too(approver, time_machine):
    """Somebody who reads every three months gets what earlier issues carried: in approved words as well."""
    factories.subscription(sectors=["health"])
    london = ZoneInfo("Europe/London")
    time_machine.move_to("2026-09-02T09:00:00Z", tick=False)
    factories.entry(title="An August guide", published=datetime(2026, 8, 10, tzinfo=london))
    august = approve(compile_issue(Period.parse("2026-08")).issue, by=approver)
    freeze(august)
    Mailing.objects.update(state=Mailing.State.FINISHED, finished_at=timezone.now())
    time_machine.move_to("2026-10-02T09:00:00Z", tick=False)
    Subscription.objects.update(frequency="quarterly", audience=None)
    factories.entry(title="A September guide", published=datetime(2026, 9, 10, tzinfo=london))
    september = approve(compile_issue(Period.parse("2026-09")).issue, by=approver)
    change("An August guide", title="Changed after approval")
    freeze(september)
    html = Edition.objects.get(issue=september).html
    assert "An August guide" in html
    assert "A September guide" in html
    assert "Changed after approval" not in html


def test_what_is_saved_over_the_same_draft_is_not_what_was_looked_at(approver, approved):
    """Wagtail saves by itself while somebody types, over the revision that is there."""
    author = factories.UserFactory()
    draft = approved.get_latest_revision_as_object()
    draft.subject = "Seen"
    revision = draft.save_revision(user=author)
    seen = version_of(Issue.objects.get(pk=approved.pk))
    draft = Issue.objects.get(pk=approved.pk).get_latest_revision_as_object()
    draft.subject = "Never seen"
    draft.save_revision(user=author, overwrite_revision=revision)
    with pytest.raises(IssueError, match="look at it again"):
        approve(Issue.objects.get(pk=approved.pk), by=approver, version=seen)
    assert Issue.objects.get(pk=approved.pk).subject not in {"Seen", "Never seen"}


def test_an_entry_changed_while_somebody_looks_is_not_approved_unseen(approver):
    factories.entry(title="A guide for midwives")
    issue = compile_issue(Period.parse("2026-10")).issue
    seen = version_of(issue)
    change("A guide for midwives", summary="Changed meanwhile.")
    with pytest.raises(IssueError, match="look at it again"):
        approve(issue, by=approver, version=seen)
    assert approve(issue, by=approver, version=version_of(issue)).live
