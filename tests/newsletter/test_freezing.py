"""Freezing fixes who gets what: once, completely, or not at all."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.models import Kind
from membership import services
from membership.models import Subscription
from membership.sample_members import make_members
from newsletter import freezing, rendering
from newsletter.compiling import IssueError
from newsletter.freezing import freeze
from newsletter.models import Delivery, Edition, EditionItem, Issue, Item, Link, Mailing, NewsletterSettings
from newsletter.rendering import RenderError
from tests import factories


@pytest.fixture
def compiled(monkeypatch) -> list[str]:
    """Every MJML source that was compiled."""
    sources: list[str] = []
    compile_mjml = rendering.compile_mjml

    def counting(source: str) -> str:
        sources.append(source)
        return compile_mjml(source)

    monkeypatch.setattr(rendering, "compile_mjml", counting)
    return sources


def kept() -> int:
    """Rows that a freeze writes."""
    return sum(model.objects.count() for model in (Mailing, Edition, EditionItem, Link, Delivery))


def reasons(issue: Issue) -> dict[str, tuple[str, str]]:
    rows = Delivery.objects.filter(issue=issue).values_list("member__user__email", "state", "reason")
    return {email.partition("@")[0]: (state, reason) for email, state, reason in rows}


def test_refuses_what_is_not_approved(members):
    issue = factories.issue(pages=[factories.entry()], live=False)
    with pytest.raises(IssueError, match="not approved"):
        freeze(issue)
    assert kept() == 0


def test_asks_the_database_whether_it_is_approved(members):
    issue = factories.issue(pages=[factories.entry()], live=False)
    issue.live = True  # an object that somebody forgot to save
    with pytest.raises(IssueError, match="not approved"):
        freeze(issue)


def test_everybody_is_in_the_ledger_with_a_state_and_a_reason(issue, members):
    factories.subscription("gus@example.org", state=Subscription.State.ENDED)
    factories.subscription("hal@example.org", state=Subscription.State.PENDING)
    factories.subscription("ivy@example.org", kinds=["event"])
    factories.subscription("jon@example.org", state=Subscription.State.PAUSED, suppressed=True)
    mailing = freeze(issue)
    assert reasons(issue) == {
        "ada": ("pending", ""),
        "bea": ("pending", ""),
        "cal": ("pending", ""),
        "dot": ("pending", ""),
        "eve": ("skipped", "paused"),
        "fay": ("skipped", "suppressed"),
        "gus": ("skipped", "unsubscribed"),
        "hal": ("skipped", "not confirmed"),
        "ivy": ("skipped", "nothing new for this member"),
        "jon": ("skipped", "suppressed"),
    }
    assert mailing.frozen == Subscription.objects.count() == 10
    assert mailing.state == Mailing.State.FROZEN
    assert not Delivery.objects.filter(state="pending", edition=None).exists()
    assert not Delivery.objects.filter(state="skipped", finished_at=None).exists()


def test_every_delivery_has_a_nonce_of_its_own(issue, members):
    freeze(issue)
    assert len(set(Delivery.objects.values_list("nonce", flat=True))) == 6


def test_accounts_without_a_subscription_are_not_members(issue, members):
    factories.UserFactory(email="editor@example.org")
    assert freeze(issue).frozen == 6


def test_renders_once_per_edition(issue, compiled):
    make_members(300, audiences=12)
    mailing = freeze(issue)
    assert mailing.frozen == 300
    assert 1 < Edition.objects.count() <= 12
    assert len(compiled) == Edition.objects.count()


def test_freezing_again_changes_nothing(issue, members, compiled):
    first = freeze(issue)
    before, rendered = kept(), len(compiled)
    factories.subscription("late@example.org")
    again = freeze(Issue.objects.get(pk=issue.pk))
    assert again == first
    assert (again.frozen, again.frozen_at) == (first.frozen, first.frozen_at)
    assert (kept(), len(compiled)) == (before, rendered)


def test_failure_to_render_keeps_nothing(issue, members, monkeypatch):
    calls = []

    def failing(content):
        calls.append(content)
        if len(calls) == 2:
            raise RenderError("The second one cannot be rendered.")
        return rendering.render_edition(content)

    monkeypatch.setattr(freezing, "render_edition", failing)
    with pytest.raises(RenderError):
        freeze(issue)
    assert len(calls) == 2
    assert kept() == 0
    assert issue.get_mailing() is None
    monkeypatch.undo()
    assert freeze(issue).frozen == 6


def test_later_choices_do_not_change_what_was_frozen(issue, members):
    freeze(issue)
    ada = members[0]
    before = Delivery.objects.get(member=ada.member).edition
    assert before.places.count() == 3
    services.change_preferences(
        subscription=ada,
        sectors=[factories.sector("schools")],
        region=None,
        kinds=["event"],
        track_opens=False,
        track_clicks=False,
    )
    freeze(issue)
    assert Delivery.objects.get(member=ada.member).edition == before
    assert before.places.count() == 3


def test_who_changes_choices_during_the_freeze_is_not_forgotten(issue, members, monkeypatch):
    """On PostgreSQL others write while editions are rendered. A member without an audience at that moment is one
    for whom there is something new all the same."""
    ada = members[0]

    def meanwhile(content):
        ada.member.sectors.set([factories.sector("health"), factories.sector("schools")])
        return rendering.render_edition(content)

    monkeypatch.setattr(freezing, "render_edition", meanwhile)
    freeze(issue)
    delivery = Delivery.objects.get(member=ada.member)
    assert delivery.state == "pending", delivery.reason


def test_edition_holds_what_it_lists(issue, members):
    freeze(issue)
    for edition in Edition.objects.filter(issue=issue):
        titles = list(edition.places.values_list("item__page__title", flat=True))
        assert titles
        for title in ("For everyone", "For health", "For schools", "For health in the North East"):
            heading = f">{title}</a>"
            assert (heading in "".join(edition.html.split("\n"))) == (title in titles), (edition.label, title)
    assert Link.objects.filter(issue=issue).count() == 4


def test_members_of_an_edition_are_told_apart_by_slots_only(issue, members):
    freeze(issue)
    ada, bea = (Delivery.objects.get(member=one.member) for one in members[:2])
    assert ada.edition == bea.edition
    html = ada.edition.html + ada.edition.text
    assert "Sam" not in html
    assert "example.org" not in html.replace("ihop.example.org", "")


def test_number_of_queries_does_not_grow_with_the_members(issue):
    def queries(of: Issue, members: int) -> int:
        make_members(members, audiences=6)
        with CaptureQueriesContext(connection) as captured:
            assert freeze(of).frozen == members
        return len(captured)

    pages = [item.page for item in issue.items.all()]
    issue.items.all().delete()
    other = factories.issue("2026-11", pages=pages, live=True)
    for page in pages:
        Item.objects.create(issue=issue, page=page, announcement=date(2026, 9, 1), section=page.kind)
    NewsletterSettings.load()  # made when first asked for
    assert queries(issue, 20) == queries(other, 200)


def test_long_issue_is_cut_at_the_limit_and_says_so(db):
    pages = [factories.entry(Kind.RESOURCE, title=f"Entry {number}") for number in range(40)]
    issue = factories.issue(pages=pages, live=True)
    factories.subscription()
    freeze(issue)
    edition = Edition.objects.get()
    assert (edition.places.count(), edition.more_count) == (12, 28)
    assert "28 more on the website" in edition.text
