"""What a second person approved is what is sent: later changes of entries do not get into the mail (ADR 14)."""

import pytest
from django.contrib.auth.models import Group

from cms.models import Entry
from newsletter.approving import approve
from newsletter.compiling import compile_issue
from newsletter.editions import IssueEditions
from newsletter.freezing import freeze
from newsletter.models import Approval, Delivery, Edition, Issue, NewsletterSettings
from newsletter.periods import Period
from newsletter.site import APPROVERS_GROUP
from newsletter.wording import read_wordings, write_wordings
from tests import factories


@pytest.fixture(autouse=True)
def november(time_machine):
    time_machine.move_to("2026-11-02T09:00:00Z", tick=False)


@pytest.fixture
def approver(db):
    person = factories.UserFactory(email="approver@example.org")
    person.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return person


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
