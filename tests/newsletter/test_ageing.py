"""How the e-news forgets people in time, and what stays: counts, totals, and the way out."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from membership import erasing
from membership.models import Audience, ConsentRecord, Subscription
from newsletter import ageing, closing, ledger
from newsletter.adding_up import add_up
from newsletter.models import (
    AgedToken,
    Delivery,
    Departure,
    Edition,
    EditionAudience,
    EditionItem,
    Hit,
    Issue,
    Item,
    Link,
    Mailing,
    ProviderEvent,
    RawReport,
    Rollup,
    Total,
)
from newsletter.reporting import report
from newsletter.tallies import FIGURES
from newsletter.tokens import delivery_token
from newsletter.tracking import COUNTED_FOR, record_click, record_open
from tests import factories
from tests.newsletter.fakes import open_mailing

pytestmark = pytest.mark.django_db
ATTEMPT = uuid.UUID(int=3)


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")


@pytest.fixture
def people():
    """Twelve members who agreed to both switches."""
    return [factories.subscription(track_opens=True, track_clicks=True) for _ in range(12)]


@pytest.fixture
def issue(people):
    """An issue that has been sent to all of them."""
    return sent(people)


def sent(people, period="2026-10"):
    issue = open_mailing(people, period=period)
    claimed = ledger.claim(issue=issue.pk, attempt=ATTEMPT, limit=100)
    marked = ledger.mark_sending(issue=issue.pk, attempt=ATTEMPT, rows=claimed)
    rows = [(row.delivery, f"provider-{row.delivery}") for row in marked.ready]
    ledger.finish(attempt=ATTEMPT, state="sent", rows=rows)
    ledger.finish_mailing(issue=issue.pk)
    return issue


def age(issue: Issue, days: float) -> None:
    then = timezone.now() - timedelta(days=days)
    Mailing.objects.filter(pk=issue.pk).update(frozen_at=then, started_at=then, finished_at=then)


def apply(name):
    (rule,) = [rule for rule in ageing.RULES if rule.name == name]
    return sum(rule.batches())


def token_of(subscription):
    return delivery_token(Delivery.objects.get(member=subscription.member).nonce)


# --- Opens and clicks ----------------------------------------------------------------------------


@pytest.fixture
def link(issue):
    item = Item.objects.create(
        issue=issue, page=factories.entry(), announcement="2026-10-01", section="resource", sort_order=1
    )
    EditionItem.objects.create(edition=Edition.objects.get(issue=issue), item=item, place=1)
    return Link.objects.create(issue=issue, number=1, url="https://example.org/", item=item)


def hit_all(people, clicks):
    for one in people:
        record_open(token_of(one))
        record_open(token_of(one))
    for one in people[:clicks]:
        record_click(token_of(one), 1)


def figures(issue):
    found = report(Issue.objects.get(pk=issue.pk))
    whole = found.whole
    return (
        *(whole.openers.unknown, whole.clickers.unknown, whole.agreed_opens, whole.sent, whole.departed),
        found.editions[0].figures.openers.unknown,
        [row.figures.clickers.unknown for row in found.items],
    )


def leave(issue, number):
    for delivery in Delivery.objects.filter(issue=issue)[:number]:
        Departure.objects.create(delivery=delivery)


def test_hits_become_totals(issue, people, link):
    hit_all(people, clicks=10)
    leave(issue, 11)
    add_up(issue.pk)
    before = figures(issue)
    assert before == (12, 10, 12, 12, 11, 12, [10])
    age(issue, 87)
    assert apply("hits") == 0
    assert not report(issue).closed
    age(issue, 89)
    assert apply("hits") == 34 + 11
    assert not Hit.objects.exists()
    assert not Departure.objects.exists()
    assert figures(issue) == before
    assert report(issue).closed
    assert apply("hits") == 0


def test_what_was_not_counted_yet_is_counted_before_it_goes(issue, people, link):
    hit_all(people, clicks=12)
    age(issue, 89)
    apply("hits")
    assert figures(issue)[:4] == (12, 12, 12, 12)


def test_totals_hold_no_cell_under_ten(issue, people, link):
    hit_all(people[:9], clicks=3)
    leave(issue, 9)
    age(issue, 89)
    apply("hits")
    measured = {name for name in FIGURES if name.split("_")[0] in ("openers", "opens", "clickers", "clicks")}
    kept = Total.objects.filter(issue=issue)
    assert {getattr(row, name) for row in kept for name in {*measured, "departed"}} == {0}
    whole = kept.get(dimension="issue")
    assert (whole.sent, whole.agreed_opens) == (12, 12), "of ten people or more"


def test_where_few_agreed_nothing_is_kept_of_them(issue, people, link):
    hit_all(people, clicks=12)
    Hit.objects.filter(delivery__in=Delivery.objects.order_by("pk")[:3]).delete()
    Subscription.objects.filter(member__deliveries__in=Delivery.objects.order_by("pk")[:3]).update(track_opens=False)
    age(issue, 89)
    apply("hits")
    whole = Total.objects.get(issue=issue, dimension="issue")
    assert (whole.sent, whole.agreed_opens, whole.openers_unknown, whole.opens_unknown) == (12, 0, 0, 0)


def test_totals_are_written_once_and_never_from_what_is_left(issue, people, link):
    hit_all(people, clicks=12)
    age(issue, 89)
    assert closing.close(issue.pk)  # a run that was killed right after
    Hit.objects.filter(pk__in=list(Hit.objects.values_list("pk", flat=True)[:30])).delete()
    assert not closing.close(issue.pk)
    apply("hits")
    assert apply("hits") == 0
    assert Rollup.objects.get().closed_at
    assert figures(issue)[:2] == (12, 12)


def test_figures_stay_when_people_go(issue, people, link):
    hit_all(people, clicks=12)
    age(issue, 89)
    apply("hits")
    before = figures(issue)
    erasing.erase_all([one.member.user for one in people])
    add_up(issue.pk)
    assert figures(issue) == before


def test_counting_stops_so_that_no_hit_is_older_than_ninety_days(issue, people, link):
    assert timedelta(days=85) < COUNTED_FOR < timedelta(days=89)
    age(issue, 88.5)
    hit_all(people[:1], clicks=1)
    assert not Hit.objects.exists()
    assert record_click(token_of(people[0]), 1) == "https://example.org/", "the link itself still leads there"


# --- Provider events -----------------------------------------------------------------------------


def test_raw_reports_go_a_week_after_they_were_read_and_a_month_after_they_could_not_be():
    now = timezone.now()
    for number, (came, read) in enumerate([(40, 8), (40, 6), (31, None), (29, None), (1, None)]):
        RawReport.objects.create(
            provider="postmark",
            body=b"{}",
            digest=str(number),
            received_at=now - timedelta(days=came),
            processed_at=read and now - timedelta(days=read),
        )
    assert apply("raw_reports") == 2
    assert set(RawReport.objects.values_list("digest", flat=True)) == {"1", "3", "4"}


def test_provider_events_go_after_thirteen_months(issue, monkeypatch):
    monkeypatch.setattr(ageing, "BATCH", 3)
    delivery = Delivery.objects.first()
    for number, days in enumerate([500, 450, 420, 410, 400, 390, 10]):
        ProviderEvent.objects.create(
            delivery=delivery,
            provider="p",
            event_type="delivered",
            happened_at=timezone.now(),
            received_at=timezone.now() - timedelta(days=days),
            natural_key=str(number),
        )
    assert apply("provider_events") == 5
    assert ProviderEvent.objects.count() == 2


# --- The ledger ----------------------------------------------------------------------------------


def test_ledger_loses_its_people_and_keeps_its_counts(issue, people):
    before = Delivery.objects.filter(issue=issue).by_state()
    age(issue, 390)
    assert apply("ledger") == 0
    age(issue, 396)
    assert apply("ledger") == 12
    assert apply("ledger") == 0
    assert Delivery.objects.filter(issue=issue).by_state() == before
    for delivery in Delivery.objects.all():
        assert (delivery.member, delivery.token_hash, delivery.message_id) == (None, None, "")
        assert delivery.nonce == ageing.NO_NONCE


def test_younger_issues_keep_theirs(issue, people):
    young = sent(people, period="2026-11")
    age(issue, 400)
    apply("ledger")
    assert Delivery.objects.filter(issue=young, member__isnull=False).count() == 12


def test_everybody_goes_whatever_became_of_their_mail(people):
    issue = open_mailing(people)
    for number, delivery in enumerate(Delivery.objects.all()):
        state = ["pending", "retry_wait", "failed", "skipped", "unknown", "sent"][number % 6]
        Delivery.objects.filter(pk=delivery.pk).update(state=state, reason="x")
    age(issue, 400)
    assert apply("ledger") == 12
    assert not AgedToken.objects.exists(), "nothing was ever mailed under a token"


def test_rows_in_flight_are_left_to_recovery(people):
    issue = open_mailing(people)
    ledger.claim(issue=issue.pk, attempt=ATTEMPT, limit=5)
    age(issue, 400)
    assert apply("ledger") == 7


@pytest.mark.parametrize("path", ["/e-news/u/{}/", "/e-news/u/{}"])
def test_link_of_an_old_mail_still_leaves(client, issue, people, path):
    sam = people[0]
    address = path.format(token_of(sam))
    age(issue, 400)
    apply("ledger")
    assert client.get(address).status_code == 200
    sam.refresh_from_db()
    assert sam.state == Subscription.State.ACTIVE
    response = client.post(address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200
    sam.refresh_from_db()
    assert sam.state == Subscription.State.ENDED
    assert ConsentRecord.objects.get().channel == "one-click"
    assert client.post(address).status_code == 200
    assert Subscription.objects.active().count() == 11


def test_old_preferences_link_offers_a_fresh_one(client, issue, people, mailoutbox, django_capture_on_commit_callbacks):
    address = f"/e-news/p/{token_of(people[0])}/"
    age(issue, 400)
    apply("ledger")
    response = client.get(address)
    assert response.status_code == 200
    assert people[0].member.user.email not in response.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(address)
    assert [mail.to for mail in mailoutbox] == [[people[0].member.user.email]]


def test_old_link_of_whoever_was_erased_is_unknown_and_counts_nothing(client, issue, people):
    token = token_of(people[0])
    age(issue, 400)
    apply("ledger")
    erasing.erase(people[0].member.user)
    assert client.post(f"/e-news/u/{token}/").status_code == 404
    assert AgedToken.objects.count() == 11


def test_old_measured_link_counts_nothing(client, issue, people, link):
    token = token_of(people[0])
    age(issue, 400)
    apply("ledger")
    assert client.get(f"/l/{token}/1").status_code == 404
    assert client.get(f"/o/{token}.gif").status_code == 200
    assert not Hit.objects.exists()


def test_ageing_may_be_killed_half_way(issue, people, monkeypatch):
    monkeypatch.setattr(ageing, "BATCH", 5)
    age(issue, 400)
    (rule,) = [rule for rule in ageing.RULES if rule.name == "ledger"]
    batches = rule.batches()
    assert next(batches) == 5
    batches.close()
    assert apply("ledger") == 7
    assert AgedToken.objects.count() == 12


def test_as_many_queries_for_twelve_as_for_two(issue, people):
    def queries(issue):
        age(issue, 400)
        with CaptureQueriesContext(connection) as captured:
            apply("ledger")
        return len(captured)

    assert queries(issue) == queries(sent(people[:2], period="2026-11"))


# --- Audiences -----------------------------------------------------------------------------------


def test_choices_that_nobody_makes_any_more_go(issue, people):
    chosen, recent, idle = (Audience.objects.create(key=key) for key in ("s1;r;k;fm;q", "s2;r;k;fm;q", "s3;r;k;fm;q"))
    Subscription.objects.filter(pk=people[0].pk).update(audience=chosen)
    EditionAudience.objects.create(issue=issue, audience=recent)
    assert apply("audiences") == 1
    assert not Audience.objects.filter(pk=idle.pk).exists()
    age(issue, 400)
    assert apply("audiences") == 1
    assert list(Audience.objects.all()) == [chosen]
