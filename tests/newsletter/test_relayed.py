"""Opens and clicks that the provider reports: hits of those who agreed; of everybody else, that the mail arrived."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from wagtail.log_actions import log

from membership import services
from membership.models import ConsentRecord
from newsletter import intake
from newsletter.machines import signals_said
from newsletter.measured import delete_measured
from newsletter.models import Delivery, Hit, Link, Mailing, ProviderEvent, Rollup
from newsletter.numbering import RETARGETED
from newsletter.reported import Reported, record_provider_events
from newsletter.tracking import COUNTED_FOR
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand
from tests.newsletter.posting import DELIVERY, MESSAGE_IDS, REPORTING, anymail_settings, files, named, raw

LINK = "https://ihop.example.org/directory/guide/"
AT = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
READ = [path for one in REPORTING for path in files(one) if path.stem.endswith(("opened", "clicked"))]
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def deliveries(db) -> dict[str, Delivery]:
    """One issue to somebody who agrees to both, to clicks only, and to nothing."""
    people = [
        factories.subscription("both@example.org", track_opens=True, track_clicks=True),
        factories.subscription("clicks@example.org", track_clicks=True),
        factories.subscription("none@example.org"),
    ]
    issue = open_mailing(people)
    Link.objects.create(issue=issue, number=1, url=LINK)
    send_by_hand(issue)
    rows = Delivery.objects.select_related("member__user")
    return {one.member.user.email.partition("@")[0]: one for one in rows}


def report(delivery: Delivery, kind: str = "clicked", **more: object) -> Reported:
    values = {"url": LINK if kind == "clicked" else "", "event_id": f"{kind} {delivery.pk}", "happened_at": AT, **more}
    return Reported(provider="esp", event_type=kind, metadata={"delivery": str(delivery.pk)}, **values)


def hits() -> list[tuple[int, str]]:
    return sorted(Hit.objects.values_list("delivery", "what"))


def test_become_hits_of_those_who_agreed_to_each(deliveries):
    both, clicks, none = deliveries.values()
    record_provider_events(report(one, kind) for one in deliveries.values() for kind in ("opened", "clicked"))
    assert hits() == [(both.pk, "click"), (both.pk, "open"), (clicks.pk, "click")]
    assert set(Hit.objects.values_list("at", flat=True)) == {AT}
    assert Hit.objects.filter(what="click").first().link.url == LINK
    assert none.pk in ProviderEvent.objects.values_list("delivery", flat=True)


def test_of_everybody_it_is_kept_once_that_the_mail_arrived_and_not_when_it_was_read(deliveries):
    for number in range(3):
        read = AT + timedelta(days=number)
        record_provider_events(
            report(one, kind, happened_at=read, event_id=f"{kind}{number}{one.pk}")
            for one in deliveries.values()
            for kind in ("opened", "clicked")
        )
    assert ProviderEvent.objects.count() == len(deliveries)
    for event in ProviderEvent.objects.select_related("delivery"):
        assert (event.event_type, event.happened_at) == ("delivered", event.delivery.handed_at)
        assert event.received_at == event.happened_at


@pytest.fixture(params=READ, ids=named)
def reading(request, db, settings, monkeypatch) -> Reported:
    """What a provider posts of an open or click by somebody who agreed to neither, once it was taken in."""
    settings.ANYMAIL = anymail_settings()
    monkeypatch.setattr("anymail.webhooks.amazon_ses._get_anymail_boto3_params", lambda kwargs: ({}, {}))
    provider = request.param.parent.name
    issue = open_mailing([factories.subscription("ada@example.org")])
    Delivery.objects.update(id=DELIVERY)
    send_by_hand(issue)
    Delivery.objects.update(message_id=MESSAGE_IDS.get(provider, "another"))
    row = raw(provider, request.param.stem)
    intake.keep(provider=provider, body=row.body, headers=row.headers)
    intake.read_all()
    (one,) = intake.events_of(row)
    return one


def test_no_provider_makes_us_keep_when_somebody_who_did_not_agree_read(reading):
    event = ProviderEvent.objects.get()
    assert event.event_type == "delivered"
    assert event.happened_at == event.received_at == event.delivery.handed_at
    assert reading.happened_at not in {event.happened_at, event.received_at}
    assert not Hit.objects.exists()


@pytest.mark.parametrize("kind", ["unknown", "inbound", "read", ""])
def test_what_has_no_name_may_be_a_reading_and_is_not_kept(deliveries, kind):
    assert record_provider_events([report(deliveries["none"], kind)]).count == 0
    assert not ProviderEvent.objects.exists()


def test_what_leads_to_no_delivery_names_no_moment_either(db):
    record_provider_events([Reported(provider="esp", event_type="opened", event_id="1", happened_at=AT)])
    event = ProviderEvent.objects.get()
    assert (event.delivery, event.event_type) == (None, "delivered")
    assert event.happened_at.hour == 0


def test_fifty_times_is_once(deliveries):
    first = record_provider_events([report(deliveries["both"], kind) for kind in ("opened", "clicked")])
    assert first.count == 2
    for _ in range(50):
        again = record_provider_events([report(deliveries["both"], kind) for kind in ("clicked", "opened")])
        assert again.count == 0
    assert len(hits()) == 2


def test_withdrawn_consent_stops_them(deliveries):
    both = deliveries["both"]
    both.member.subscription.track_opens = both.member.subscription.track_clicks = False
    both.member.subscription.save()
    record_provider_events(report(both, kind) for kind in ("opened", "clicked"))
    assert hits() == []


def test_whoever_has_left_agrees_to_nothing_any_more(deliveries):
    both = deliveries["both"]
    services.unsubscribe(subscription=both.member.subscription, channel=ConsentRecord.Channel.ONE_CLICK)
    record_provider_events(report(both, kind) for kind in ("opened", "clicked"))
    assert hits() == []


def test_counting_ends(deliveries):
    Mailing.objects.update(started_at=timezone.now() - COUNTED_FOR)
    record_provider_events([report(deliveries["both"])])
    assert hits() == []


@pytest.mark.parametrize("url", ["", "https://evil.example/", LINK.rstrip("/"), "http://localhost:8000/l/token/1"])
def test_click_on_what_is_no_link_of_the_issue_is_none(deliveries, url):
    record_provider_events([report(deliveries["both"], url=url)])
    assert hits() == []
    assert ProviderEvent.objects.get().event_type == "delivered"


def test_the_address_that_the_mail_holds_counts_not_where_it_leads_today(deliveries):
    link = Link.objects.get()
    log(link.issue, RETARGETED, data={"number": 1, "old": LINK, "new": "https://example.org/new/"})
    Link.objects.update(url="https://example.org/new/")
    record_provider_events([report(deliveries["both"])])
    assert Hit.objects.get().link == link


@pytest.mark.parametrize(("apart", "opens"), [(-9, 1), (0, 1), (9, 1), (11, 2), (-11, 2)])
def test_an_opening_of_which_our_own_picture_told_is_not_counted_twice(deliveries, apart, opens):
    Hit.objects.create(delivery=deliveries["both"], what="open", at=AT)
    for number in range(2):
        at = AT + timedelta(seconds=apart)
        record_provider_events([report(deliveries["both"], "opened", event_id=f"{number}", happened_at=at)])
    assert Hit.objects.count() == opens


def test_what_the_provider_knows_of_a_machine_is_added_to_our_own_hit(deliveries):
    judged = {"verdict": "human", "reason": "nothing"}
    Hit.objects.create(delivery=deliveries["both"], what="open", at=AT, signals=Hit.Signal.PREFETCH)
    Hit.objects.create(delivery=deliveries["both"], what="open", at=AT + timedelta(hours=1), **judged)
    for later in (timedelta(0), timedelta(hours=1)):
        said = {"signals": Hit.Signal.PROVIDER | Hit.Signal.VEILED, "event_id": f"{later}", "happened_at": AT + later}
        record_provider_events([report(deliveries["both"], "opened", **said)])
    assert list(Hit.objects.order_by("at").values_list("signals", flat=True)) == [12, 0]


def test_links_followed_in_one_second_are_as_many_hits(deliveries):
    """Of providers that do not number their events the second is all there is."""
    both = deliveries["both"]
    urls = [f"{LINK}{number}/" for number in range(3)]
    Link.objects.bulk_create(Link(issue=both.issue, number=2 + n, url=url) for n, url in enumerate(urls))
    for _ in range(2):
        record_provider_events(report(both, url=url, event_id=None, message_id="one") for url in urls)
    assert sorted(Hit.objects.values_list("link__url", flat=True)) == urls


def test_what_was_deleted_does_not_come_back_with_the_provider_telling_it_again(deliveries):
    both = deliveries["both"]
    stories = [report(both, kind) for kind in ("opened", "clicked")]
    record_provider_events(stories)
    assert delete_measured(both.member) == 2
    record_provider_events(stories)
    record_provider_events([report(both, event_id="late", happened_at=AT - timedelta(hours=1))])
    assert hits() == []
    record_provider_events([report(both, event_id="new", happened_at=timezone.now())])
    assert hits() == [(both.pk, "click")]


def test_a_moment_to_come_is_now(deliveries):
    record_provider_events([report(deliveries["both"], happened_at=timezone.now() + timedelta(days=400))])
    assert Hit.objects.get().at <= timezone.now()


def test_the_issue_is_counted_again(deliveries):
    record_provider_events([report(deliveries["none"], "bounced")])
    assert Rollup.objects.get().stale_since
    Rollup.objects.update(stale_since=None)
    record_provider_events([report(deliveries["none"], "bounced")])
    assert not Rollup.objects.get().stale_since, "nothing was new"


def test_as_many_statements_for_many_as_for_few(deliveries, django_assert_max_num_queries):
    with django_assert_max_num_queries(16) as few:
        record_provider_events([report(deliveries["both"], kind) for kind in ("opened", "clicked")])
    with django_assert_max_num_queries(len(few)):
        record_provider_events(
            report(one, kind, event_id=f"{kind}{number} {one.pk}", happened_at=AT + timedelta(seconds=number + 1))
            for one in deliveries.values()
            for kind in ("opened", "clicked")
            for number in range(20)
        )
    assert len(hits()) == 2 + 20 * 3


@pytest.mark.parametrize(
    ("provider", "name", "signals"),
    [
        ("brevo", "proxy_opened", Hit.Signal.PROVIDER | Hit.Signal.VEILED),
        ("brevo", "opened", Hit.Signal.VEILED),  # it names no program
        ("mailgun", "opened", Hit.Signal.PROVIDER),
        ("mailgun", "clicked", 0),
        ("sendgrid", "opened", Hit.Signal.PROVIDER),
        ("sparkpost", "opened", 0),
        ("sparkpost", "proxy_opened", Hit.Signal.PROVIDER | Hit.Signal.VEILED),
        ("postmark", "clicked", 0),
    ],
)
def test_what_providers_say_of_machines(provider, name, signals, settings):
    settings.ANYMAIL = anymail_settings()
    (one,) = intake.events_of(raw(provider, name))
    assert one.signals == signals


@pytest.mark.parametrize(
    ("provider", "report", "agent", "signals"),
    [
        ("Mandrill", {"user_agent_parsed": {"type": "Robot"}}, BROWSER, Hit.Signal.PROVIDER),
        ("Mandrill", {"user_agent_parsed": {"type": "Browser"}}, BROWSER, 0),
        ("Mailgun", {"event-data": {"client-info": {"client-type": "robot"}}}, BROWSER, Hit.Signal.PROVIDER),
        ("SendGrid", {"sg_machine_open": False}, BROWSER, 0),
        ("SparkPost", {"msys": {"track_event": {"user_agent_parsed": {"is_proxy": True}}}}, BROWSER, 16),
        ("Postmark", {}, "curl/8.0", Hit.Signal.ROBOT),
        ("Mailgun", [], None, Hit.Signal.VEILED),
        ("SparkPost", {"msys": [1]}, BROWSER, 0),
        ("Mailgun", {"event-data": {"client-info": "x"}}, BROWSER, 0),
    ],
)
def test_whatever_they_send(provider, report, agent, signals):
    assert signals_said(provider, "opened", report, agent) == signals
