"""The report says what a count over the raw rows says, hides small cells, and costs the same for any number."""

import random
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.models import Kind
from membership.models import Subscription
from membership.sample_members import make_members
from newsletter.freezing import freeze
from newsletter.models import Delivery, Edition, EditionItem, Hit, Issue, Link, ProviderEvent
from newsletter.reporting import SMALLEST_CELL, report
from tests import factories

STATES = ["sent"] * 8 + ["failed", "unknown", "pending", "retry_wait"]
EVENTS = ["delivered", "bounced", "complained", "deferred"]


def sent_issue(period: str, pages: list, dice: random.Random) -> Issue:
    """A frozen issue whose deliveries, provider events and hits are made up at random."""
    issue = factories.issue(period, pages=pages, live=True)
    freeze(issue)
    for subscription in Subscription.objects.all():
        agrees = {"track_opens": dice.random() < 0.6, "track_clicks": dice.random() < 0.6}
        Subscription.objects.filter(pk=subscription.pk).update(**agrees)
    links = list(Link.objects.filter(issue=issue))
    hits, events = [], []
    for delivery in Delivery.objects.filter(issue=issue, state="pending"):
        delivery.state, delivery.reason = dice.choice(STATES), "made up"
        delivery.save(update_fields=["state", "reason"])
        if delivery.state != "sent":
            continue
        for number in range(dice.randrange(3)):
            kind, now = dice.choice(EVENTS), timezone.now()
            key = f"{delivery.pk} {kind} {number}"
            events.append(ProviderEvent(delivery=delivery, event_type=kind, happened_at=now, natural_key=key))
        hits += [Hit(delivery=delivery, what="open") for _ in range(dice.randrange(4))]
        hits += [Hit(delivery=delivery, what="click", link=dice.choice(links)) for _ in range(dice.randrange(4))]
    ProviderEvent.objects.bulk_create(events)
    Hit.objects.bulk_create(hits)
    return issue


@pytest.fixture
def pages(db) -> list:
    return [
        factories.entry(Kind.RESOURCE, title="For everyone"),
        factories.entry(Kind.SERVICE, title="For health", sectors=["health"]),
        factories.entry(Kind.TRAINING, title="For prisons", sectors=["prisons", "probation"]),
        factories.entry(Kind.SERVICE, title="For London", regions=["london"]),
    ]


@pytest.fixture
def issue(pages) -> Issue:
    make_members(120)
    return sent_issue("2026-10", pages, random.Random(10))


@pytest.fixture
def other(issue, pages) -> Issue:
    """Another issue to the same people: nothing of it may be counted."""
    more = [factories.entry(title="Later")]
    return sent_issue("2026-11", more, random.Random(11))


def hidden(people: set[int]) -> int | None:
    return len(people) if len(people) >= SMALLEST_CELL else None


def people(issue: Issue, what: str, **fields: object) -> set[int]:
    """Deliveries with a hit, counted row by row."""
    found = set()
    for hit in Hit.objects.select_related("delivery", "link"):
        if hit.delivery.issue_id != issue.pk or hit.what != what:
            continue
        if "edition" in fields and hit.delivery.edition_id != fields["edition"]:
            continue
        if "item" in fields and hit.link.item_id != fields["item"]:
            continue
        found.add(hit.delivery_id)
    return found


def test_whole_issue_equals_a_count_of_the_rows(issue, other):
    found = report(issue)
    rows = [row for row in Delivery.objects.all() if row.issue_id == issue.pk]
    states = Counter(row.state for row in rows)
    assert {state: found.certificate[state] for state in Delivery.State.values} == {
        state: states[state] for state in Delivery.State.values
    }
    assert found.certificate["frozen"] == len(rows) == 120
    assert found.certificate["balanced"]
    sent = [row.member.subscription for row in rows if row.state == "sent"]
    assert found.agreed_opens == sum(one.track_opens for one in sent)
    assert found.agreed_clicks == sum(one.track_clicks for one in sent)
    assert found.opens == len(people(issue, "open")) >= SMALLEST_CELL
    assert found.clicks == len(people(issue, "click")) >= SMALLEST_CELL
    events = {(row.event_type, row.delivery_id) for row in ProviderEvent.objects.filter(delivery__in=rows)}
    assert found.provider_events == Counter(kind for kind, _ in events)


def test_every_edition_equals_a_count_of_the_rows(issue, other):
    found = {row.number: row for row in report(issue).editions}
    editions = list(Edition.objects.filter(issue=issue))
    assert len(found) == len(editions) > 3
    for edition in editions:
        rows = [row for row in Delivery.objects.all() if row.edition_id == edition.pk]
        row = found[edition.number]
        assert (row.frozen, row.sent) == (len(rows), sum(one.state == "sent" for one in rows))
        assert row.items == EditionItem.objects.filter(edition=edition).count()
        assert row.opens == hidden(people(issue, "open", edition=edition.pk))
        assert row.clicks == hidden(people(issue, "click", edition=edition.pk))


def test_every_item_equals_a_count_of_the_rows(issue, other):
    found = {row.title: row for row in report(issue).items}
    assert set(found) == {"For everyone", "For health", "For prisons", "For London"}
    for item in issue.items.all():
        carrying = {place.edition_id for place in EditionItem.objects.all() if place.item_id == item.pk}
        sent = [row for row in Delivery.objects.filter(state="sent") if row.edition_id in carrying]
        row = found[str(item)]
        assert (row.editions, row.sent) == (len(carrying), len(sent))
        assert row.clicks == hidden(people(issue, "click", item=item.pk))


@pytest.mark.parametrize(("count", "shown"), [(0, None), (9, None), (10, 10), (11, 11)])
def test_fewer_than_ten_people_are_not_shown(pages, count, shown):
    make_members(20, audiences=1)
    issue = factories.issue(pages=pages[:1], live=True)
    freeze(issue)
    Delivery.objects.update(state="sent")
    link = Link.objects.get(issue=issue)
    for delivery in Delivery.objects.all()[:count]:
        for _ in range(3):  # people are counted, not hits
            Hit.objects.create(delivery=delivery, what="open")
            Hit.objects.create(delivery=delivery, what="click", link=link)
    found = report(issue)
    assert (found.opens, found.clicks) == (shown, shown)
    assert [(row.opens, row.clicks) for row in found.editions] == [(shown, shown)]
    assert [row.clicks for row in found.items] == [shown]


def test_number_of_queries_does_not_grow(pages):
    def queries(issue: Issue) -> int:
        with CaptureQueriesContext(connection) as captured:
            report(issue)
        return len(captured)

    make_members(20, audiences=2)
    few = sent_issue("2026-10", pages[:1], random.Random(1))
    make_members(100)
    many = sent_issue("2026-11", [*pages[1:], factories.entry(title="More")], random.Random(2))
    assert Edition.objects.filter(issue=many).count() > Edition.objects.filter(issue=few).count()
    assert queries(few) == queries(many)


def test_issue_that_was_never_frozen_counts_nothing(pages):
    found = report(factories.issue(pages=pages))
    assert (found.certificate["frozen"], found.editions, found.opens) == (0, [], None)
    assert [(row.editions, row.sent) for row in found.items] == [(0, 0)] * 4
