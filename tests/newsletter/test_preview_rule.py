"""Preview equals delivery: what a member is shown beside their choices is what a freeze gives them."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cms.models import Kind
from membership import saving
from membership.audiences import audience_of
from membership.models import Subscription
from newsletter.freezing import freeze
from newsletter.models import Item, NewsletterSettings
from newsletter.periods import Period
from newsletter.previewing import Source, Upcoming, being_gathered
from tests import factories

pytestmark = pytest.mark.django_db
SECTORS, REGIONS = ["health", "schools", "prisons"], ["north-east", "london"]
KINDS = ["resource", "service", "research"]
SEARCHES = ["q=everyone", "region=london", "kind=research&sector=health"]
MONTHS = ["2026-08", "2026-09"]  # one within a quarter and one at its end

some_entries = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(KINDS),
            "sectors": st.lists(st.sampled_from(SECTORS), max_size=2, unique=True),
            "regions": st.lists(st.sampled_from(REGIONS), max_size=1),
            "pinned": st.integers(0, 5).map(lambda number: number == 0),
        }
    ),
    min_size=1,
    max_size=7,
)
some_members = st.lists(
    st.fixed_dictionaries(
        {
            "sectors": st.lists(st.sampled_from(SECTORS), min_size=1, max_size=2, unique=True),
            "region_slug": st.sampled_from([None, *REGIONS]),
            "kinds": st.lists(st.sampled_from(KINDS), min_size=1, unique=True),
            "frequency": st.sampled_from(["monthly", "monthly", "quarterly"]),
            "searches": st.lists(st.sampled_from(SEARCHES), max_size=2, unique=True),
        }
    ),
    min_size=1,
    max_size=4,
)


@contextmanager
def undone():
    """Each example begins with the same database."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def make_issue(period, entries, first=0, live=True):
    pages = [
        factories.entry(
            each["kind"],
            title=f"{'For everyone' if not each['sectors'] else 'Entry'} {number}",
            sectors=each["sectors"],
            regions=each["regions"],
        )
        for number, each in enumerate(entries, start=first)
    ]
    issue = factories.issue(period, pages=pages, live=live)
    for page, each in zip(pages, entries, strict=True):
        Item.objects.filter(page=page).update(pinned=each["pinned"])
    return type(issue).objects.get(pk=issue.pk)


@given(
    entries=some_entries,
    earlier=some_entries,
    members=some_members,
    month=st.sampled_from(MONTHS),
    limit=st.integers(1, 6),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_preview_is_what_freeze_gives(entries, earlier, members, month, limit):
    with undone(), time_machine.travel("2026-10-01T09:00:00Z", tick=False):
        NewsletterSettings.objects.update_or_create(defaults={"items_per_edition": limit})
        sent = make_issue("2026-07", earlier)
        factories.sent(sent)
        issue = make_issue(month, entries, first=100)
        people = []
        for each in members:
            wanted = dict(each)
            searches = wanted.pop("searches")
            people.append(factories.subscription(**wanted))
            for search in searches:
                saving.save_search(member=people[-1].member, address=search, in_news=True)
        upcoming = Upcoming()
        previews = {one.pk: upcoming.preview(audience_of(one)) for one in people}
        assert upcoming.source == Source.PREPARED
        freeze(issue)
        for one in people:
            preview, delivery = previews[one.pk], one.member.deliveries.get()
            shown = [upcoming.editions.items[place].pk for place in preview.choice.items]
            if not shown:
                assert (delivery.edition, delivery.state) == (None, "skipped")
                assert delivery.reason.startswith("quarterly: next issue" if preview.later else "nothing new")
                continue
            assert list(delivery.edition.places.values_list("item", flat=True)) == shown
            assert delivery.edition.more_count == preview.choice.more
            if not preview.later:
                assert preview.more == preview.choice.more
                assert len(preview.items) == len(shown)
                for item in preview.items:
                    assert f">{item.headline}</a>" in delivery.edition.html
                    assert (not item.reason_line) or item.reason_line in delivery.edition.html


class TestWhichIssue:
    def test_latest_draft_comes_first(self, issue):
        make_issue("2026-11", [{"kind": "resource", "sectors": [], "regions": [], "pinned": False}], live=False)
        upcoming = Upcoming()
        assert (upcoming.source, str(upcoming.period)) == (Source.PREPARED, "2026-11")

    def test_draft_is_shown_as_its_editor_left_it(self, db):
        page = factories.entry(title="As published")
        issue = factories.issue(pages=[page])
        draft = issue.get_latest_revision_as_object()
        item = draft.items.get()
        item.headline = "As the editor has it"
        draft.items.set([item])
        draft.save_revision()
        (only,) = Upcoming().preview(audience_of(factories.subscription())).items
        assert only.headline == "As the editor has it"

    def test_draft_left_lying_behind_a_sent_issue_is_none(self, issue):
        factories.issue("2026-05", pages=[])
        factories.sent(issue)
        with time_machine.travel("2026-11-20T09:00:00Z", tick=False):
            upcoming = Upcoming()
        assert (upcoming.source, upcoming.period) == (Source.SENT, issue.month)

    def test_entries_of_the_month_are_gathered_as_compiling_would(self, db):
        with time_machine.travel("2026-11-20T09:00:00Z", tick=False):
            factories.entry(title="Fresh", published=datetime(2026, 11, 10, tzinfo=UTC))
            factories.entry("event", title="Over", starts_at=datetime(2026, 11, 22, tzinfo=UTC))
            upcoming = Upcoming()
            preview = upcoming.preview(audience_of(factories.subscription()))
        assert (upcoming.source, preview.month) == (Source.GATHERED, "November 2026")
        assert [item.headline for item in preview.items] == ["Fresh"]

    def test_new_installation_has_nothing_and_says_so(self, db):
        preview = Upcoming().preview(audience_of(factories.subscription()))
        assert (preview.items, preview.more) == ((), 0)

    def test_last_month_is_gathered_until_its_day(self, db):
        NewsletterSettings.objects.update_or_create(defaults={"compile_day": 5})
        with time_machine.travel("2026-11-04T09:00:00Z", tick=False):
            assert being_gathered(datetime(2026, 11, 4).date()) == Period(2026, 10)
        assert being_gathered(datetime(2026, 11, 5).date()) == Period(2026, 11)

    @pytest.mark.parametrize("kind_of", ["prepared", "gathered"])
    def test_number_of_queries_does_not_grow(self, db, kind_of):
        one = factories.subscription()
        NewsletterSettings.load()

        def queries(period, count):
            published = datetime(2026, 11, 10, tzinfo=UTC)
            pages = [factories.entry(Kind.values[number % 8], published=published) for number in range(count)]
            if kind_of == "prepared":
                factories.issue(period, pages=pages, live=True)
            with CaptureQueriesContext(connection) as captured:
                Upcoming().preview(audience_of(one))
            return len(captured)

        with time_machine.travel("2026-11-20T09:00:00Z", tick=False):
            assert queries("2026-11", 8) == queries("2026-12", 40)


def test_choices_not_saved_are_judged_the_same_way(issue):
    """The form's audience and the saved one are the same key, so nothing else can come between."""
    from membership.audiences import audience_for

    one = factories.subscription(frequency="quarterly")
    saving.save_search(member=one.member, address="q=visits", in_news=True)
    of_form = audience_for(
        member=one.member,
        sectors=[found.pk for found in one.member.sectors.all()],
        region=one.member.region_id,
        kinds=one.kinds,
        quarterly=True,
    )
    assert of_form.key == audience_of(Subscription.objects.get()).key
