"""Reports are authenticated, stored once as they came, answered at once, and read afterwards, whatever they are."""

import json
import logging
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.db import DataError, OperationalError
from django.test import Client
from django.utils import timezone

from membership.models import Subscription, Suppression
from newsletter import intake, reported, tasks
from newsletter.models import Delivery, Issue, ProviderEvent, RawReport
from newsletter.watching import watch
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand, set_mailing
from tests.newsletter.posting import BASIC, DELIVERY, MESSAGE_IDS, REPORTING, anymail_settings, files, post, proof, raw

FORGED = dict.fromkeys(BASIC, "Basic d2ViaG9vazpndWVzcw==")


@pytest.fixture(autouse=True)
def keys(settings, monkeypatch):
    settings.ANYMAIL = anymail_settings()
    monkeypatch.setattr("anymail.webhooks.amazon_ses._get_anymail_boto3_params", lambda kwargs: ({}, {}))
    cache.clear()


@pytest.fixture
def ada(db) -> Subscription:
    return factories.subscription("ada@example.org")


@pytest.fixture
def delivery(ada) -> Delivery:
    """The one that the payloads are about."""
    issue = open_mailing([ada])
    Delivery.objects.update(id=DELIVERY)
    send_by_hand(issue)
    return Delivery.objects.get()


def store(provider: str, *names: str) -> None:
    for name in names:
        row = raw(provider, name)
        intake.keep(provider=provider, body=row.body, headers=row.headers)


def rubbish(body: bytes, provider: str = "postmark") -> RawReport:
    return RawReport(provider=provider, body=body, headers={"content-type": "application/json"})


# --- The webhook -------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", REPORTING)
def test_what_proves_itself_is_stored_and_then_read(delivery, provider):
    Delivery.objects.update(message_id=MESSAGE_IDS.get(provider, "another"))
    assert post(provider, raw(provider, "hard_bounce")).status_code == 200
    assert not ProviderEvent.objects.exists()
    assert intake.read_all().events == 1
    assert ProviderEvent.objects.get().delivery == delivery
    assert Suppression.objects.get().reason == "bounced"


@pytest.mark.parametrize("provider", REPORTING)
def test_what_is_forged_is_refused_and_not_stored(db, provider, caplog):
    row = raw(provider, "complaint" if provider != "postal" else "hard_bounce")
    changed = raw(provider, "opened")
    inside = {"mailgun": b'"signature": "', "unisender_go": b'"auth": "'}.get(provider)
    if inside:  # signed inside the body
        start = changed.body.index(inside) + len(inside)
        changed.body = changed.body[:start] + b"0" * 8 + changed.body[start + 8 :]
        headers = dict(BASIC)
    else:
        headers = proof(provider, bytes(row.body)) | FORGED
        headers |= {name: "AAAA" for name in headers if "signature" in name}
    assert post(provider, changed, headers).status_code in {400, 401}
    assert post(provider, changed, {}).status_code in {400, 401}
    assert not RawReport.objects.exists()
    assert "example.org" not in caplog.text
    assert "for-tests" not in caplog.text


def test_fifty_times_is_one_row(delivery):
    for _ in range(50):
        assert post("sendgrid", raw("sendgrid", "batch")).status_code == 200
    assert RawReport.objects.count() == 1
    assert intake.read_all() == intake.Read(reports=1, events=3, last=RawReport.objects.get().pk)


def test_storing_takes_one_statement(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert post("sendgrid", raw("sendgrid", "batch")).status_code == 200


@pytest.mark.parametrize("size", [intake.LARGEST + 1, 3 * 1024 * 1024])
def test_huge_is_refused_before_it_is_read(db, size):
    assert post("postmark", rubbish(b" " * size), BASIC).status_code == 413
    assert not RawReport.objects.exists()


def test_huge_that_does_not_say_so_is_refused(db):
    body = b" " * (intake.LARGEST + 1)
    response = Client().post("/webhooks/postmark/tracking/", body, "application/json", headers=BASIC, CONTENT_LENGTH="")
    assert response.status_code in {200, 413}
    assert all(len(row.body) <= intake.LARGEST for row in RawReport.objects.all())


def test_the_largest_is_taken(db):
    assert post("postmark", rubbish(b"{" + b" " * (intake.LARGEST - 2) + b"}"), BASIC).status_code == 200


def test_head_and_get_are_answered_as_anymail_does(db):
    assert Client().head("/webhooks/mandrill/tracking/").status_code == 200
    assert Client().get("/webhooks/postmark/tracking/").status_code == 405
    assert Client().get("/webhooks/unisender_go/tracking/").status_code == 200


def test_amazon_is_asked_for_the_password_first(db):
    response = post("amazon_ses", raw("amazon_ses", "delivered"), {"x-amz-sns-message-type": "Notification"})
    assert response.status_code == 401
    assert "Basic" in response["WWW-Authenticate"]


def test_amazons_subscription_is_confirmed_by_anymail(db, monkeypatch):
    confirmed = []
    view = intake.view_class("amazon_ses")
    monkeypatch.setattr(view, "auto_confirm_sns_subscription", lambda self, message: confirmed.append(message["Token"]))
    body = (
        b'{"Type": "SubscriptionConfirmation", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-2:1:e", "Token": "t"}'
    )
    row = rubbish(body, "amazon_ses")
    assert post("amazon_ses", row).status_code == 200
    assert confirmed == ["t"]
    assert not RawReport.objects.exists()


def test_no_secret_and_nothing_else_of_the_request_is_kept(db):
    post("resend", raw("resend", "delivered"), BASIC | {"svix-id": "msg_1", "cookie": "a=b"})
    assert RawReport.objects.get().headers == {"content-type": "application/json", "svix-id": "msg_1"}


@pytest.mark.parametrize("where", ["cache.add", "read_reports.apply_async"])
def test_a_broker_that_is_gone_changes_nothing(delivery, monkeypatch, where):
    def fail(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(f"newsletter.tasks.{where}", fail)
    assert post("postmark", raw("postmark", "delivered")).status_code == 200
    monkeypatch.undo()
    asked = []
    monkeypatch.setattr(tasks.read_reports, "delay", lambda: asked.append(True))
    tasks.tick()
    assert asked, "the tick finds what waits"
    tasks.read_reports()
    assert ProviderEvent.objects.get().event_type == "delivered"


def test_a_thousand_reports_leave_one_task(db, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.read_reports, "apply_async", lambda **kwargs: asked.append(True))
    for name in ("delivered", "opened", "clicked"):
        post("postmark", raw("postmark", name))
    assert len(asked) == 1
    tasks.read_reports()
    assert not intake.waiting().exists()
    post("postmark", raw("postmark", "complaint"))
    assert len(asked) == 2


# --- Reading -----------------------------------------------------------------------------------------


def test_reading_twice_is_once(delivery):
    store("mailgun", "delivered", "deferred", "hard_bounce")
    assert intake.read_all().events == 3
    assert intake.read_all() == intake.Read()
    RawReport.objects.update(processed_at=None)  # as if it had been killed after recording
    assert intake.read_all().events == 0
    assert ProviderEvent.objects.count() == 3


@pytest.mark.parametrize("one_by_one", [False, True], ids=["in a batch", "one by one"])
@pytest.mark.parametrize("provider", REPORTING)
def test_who_read_where_with_what_is_gone_once_it_is_read(delivery, provider, one_by_one, monkeypatch):
    """Real reports of opens and clicks hold all of it, whoever agreed to what."""
    names = [path.stem for path in files(provider) if path.stem.endswith(("opened", "clicked"))]
    store(provider, *names, "hard_bounce")
    RawReport.objects.update(received_at=timezone.now() - reported.EARLY)
    if one_by_one:
        monkeypatch.setattr(intake, "_read", fail)
    assert intake.read_all().reports == len(names) + 1
    rows = RawReport.objects.exclude(processed_at=None).exclude(body=b"")
    assert [bytes(row.body) for row in rows] == [bytes(raw(provider, "hard_bounce").body)]
    assert RawReport.objects.filter(body=b"", headers={}).count() == len(names)
    store(provider, *names)
    assert not intake.waiting().exists(), "the same once more is not taken for news"


def fail(*args: object) -> None:
    raise DataError("something in the batch")


@pytest.mark.parametrize("order", [1, -1], ids=["in-order", "reversed"])
def test_the_order_does_not_matter(delivery, order):
    Delivery.objects.update(state="unknown", reason="test")
    names = ["rejected", "delivered", "opened", "complaint"][::order]
    for name in names:
        store("mailgun", name)
    intake.read_all()
    assert Delivery.objects.get().state == "sent"
    assert Subscription.objects.get().state == "ended"
    assert Suppression.objects.get().reason == "complained"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'"text"', b"null", b'{"event": []}', b"[[[[[[", b"{" * 5000]
)
def test_rubbish_is_tried_five_times_and_then_listed(delivery, body, caplog):
    intake.keep(provider="mailjet", body=body, headers={"content-type": "application/json"})
    store("mailjet", "delivered")
    first = RawReport.objects.order_by("pk").first()
    assert intake.read_all().events == 1, "the other one is read"
    if intake.unreadable().exists() or RawReport.objects.get(pk=first.pk).processed_at:
        return  # an empty list is nothing to complain about
    for _ in range(10):
        RawReport.objects.filter(pk=first.pk).update(received_at=timezone.now() - timedelta(days=1))
        intake.read_all()
    first.refresh_from_db()
    assert (first.attempts, first.processed_at) == (intake.TRIES, None)
    assert "cannot be read" in first.problem
    assert list(intake.unreadable()) == [first]
    assert not intake.waiting().exists()


def test_pauses_grow(db):
    intake.keep(provider="postmark", body=b"{", headers={})
    for attempts, pause in enumerate(intake.PAUSES):
        RawReport.objects.update(received_at=timezone.now() - pause)
        assert intake.read_all().failed == 1
        assert RawReport.objects.get().attempts == attempts + 1
        RawReport.objects.update(received_at=timezone.now() - pause)
        assert intake.read_all() == intake.Read()


def test_staff_are_told_of_the_first_that_cannot_be_read(db, django_capture_on_commit_callbacks):
    factories.UserFactory(email="admin@example.org", is_superuser=True)
    for body in (b"{", b"{{", b"{{{"):
        intake.keep(provider="postmark", body=body, headers={})
    for pause in intake.PAUSES:
        RawReport.objects.update(received_at=timezone.now() - pause)
        with django_capture_on_commit_callbacks(execute=True):
            intake.read_all()
    assert [one.subject for one in mail.outbox] == ["Reports of postmark cannot be read"]


def test_one_that_the_database_refuses_does_not_hold_up_the_others(delivery, monkeypatch):
    record = reported.record_provider_events

    def refuse(found):
        found = list(found)
        if any(one.event_type == "opened" for one in found):
            raise DataError("invalid value: ada@example.org")
        return record(found)

    monkeypatch.setattr(intake, "record_provider_events", refuse)
    store("mailgun", "delivered", "opened", "clicked")
    done = intake.read_all()
    assert (done.reports, done.events, done.failed) == (2, 2, 1)
    assert intake.waiting().count() == 0, "it waits for its pause to be over"
    assert RawReport.objects.get(processed_at=None).attempts == 1


def test_a_database_that_is_gone_is_no_fault_of_the_reports(delivery, monkeypatch):
    def gone(found):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(intake, "record_provider_events", gone)
    store("mailgun", "delivered")
    with pytest.raises(OperationalError):
        intake.read_all()
    assert RawReport.objects.get().attempts == 0


def test_strange_text_is_no_error(delivery):
    body = (
        '{"RecordType": "Delivery", "MessageID": "a\\u0000\\ud800", "Recipient": ["x"], "Metadata": {"delivery": [1]},'
        ' "DeliveredAt": "2026-11-02T09:00:00Z"}'
    )
    intake.keep(provider="postmark", body=body.encode(), headers={"content-type": "application/json"})
    assert intake.read_all().events == 1
    assert ProviderEvent.objects.get().delivery is None


def test_nothing_of_a_report_is_logged(delivery, caplog):
    caplog.set_level(logging.DEBUG, logger="newsletter")
    store("mailgun", "delivered", "complaint", "hard_bounce")
    intake.keep(provider="postmark", body=b'{"Email": "ada@example.org", ', headers={})
    intake.read_all()
    assert "cannot be read" in caplog.text
    assert "ada" not in caplog.text


def test_the_number_of_statements_does_not_grow(delivery, django_assert_max_num_queries):
    people = [factories.subscription(f"p{number}@example.org") for number in range(40)]
    Delivery.objects.bulk_create(
        Delivery(issue_id=delivery.issue_id, edition_id=delivery.edition_id, member=one.member) for one in people
    )
    (event,) = json.loads(raw("sendgrid", "delivered").body)
    for pk in Delivery.objects.values_list("pk", flat=True):
        body = json.dumps([event | {"sg_event_id": str(pk), "delivery": str(pk)}]).encode()
        intake.keep(provider="sendgrid", body=body, headers={"content-type": "application/json"})
    with django_assert_max_num_queries(14):
        assert intake.read_all().events == 41
    assert ProviderEvent.objects.exclude(delivery=None).count() == 41


def test_a_report_of_ever_so_many_events_is_recorded_a_part_at_a_time(delivery, monkeypatch):
    """One megabyte holds more tiny events than SQLite takes values in a statement."""
    monkeypatch.setattr(intake, "EVENTS", 10)
    sizes, record = [], intake.record_provider_events
    monkeypatch.setattr(intake, "record_provider_events", lambda some: sizes.append(len(some)) or record(some))
    (event,) = json.loads(raw("sendgrid", "delivered").body)
    body = json.dumps([event | {"sg_event_id": str(number % 30)} for number in range(45)]).encode()
    intake.keep(provider="sendgrid", body=body, headers={"content-type": "application/json"})
    assert intake.read_all().events == 30, "each once, in whichever part"
    assert sizes == [10, 10, 10, 10, 5]


def test_who_watches_a_send_sees_that_reports_cannot_be_read(delivery):
    intake.keep(provider="postmark", body=b"{", headers={})
    RawReport.objects.update(attempts=intake.TRIES, problem="It cannot be read.")
    set_mailing(issue := Issue.objects.get(pk=delivery.issue_id), "sending")
    (problem,) = watch(issue, issue.get_mailing()).problems
    assert problem.startswith("1 report of the mail provider cannot be read")


def test_the_operator_lists_them_and_tries_again(delivery, capsys):
    store("mailgun", "delivered")
    RawReport.objects.update(attempts=intake.TRIES, problem="It cannot be read.")
    call_command("provider_reports", "--json")
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])["unreadable"]
    assert [one["problem"] for one in listed] == ["It cannot be read."]
    call_command("provider_reports", "--again", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["events"] == 1
