"""The certificate adds up, names what is unknown, and shows any change that nothing explains."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import PageLogEntry

from membership.erasing import erase_all
from newsletter import ageing, ledger
from newsletter.certificate import LISTED, certify, issue_certificate, issue_missing, list_unknown, verify
from newsletter.models import CertificateRecord, Delivery, Edition, Issue, Mailing, ProviderEvent
from newsletter.site import APPROVERS_GROUP
from tests import factories
from tests.newsletter.fakes import crowd_of, open_mailing, set_mailing
from tests.newsletter.posting import record_provider_event

pytestmark = pytest.mark.django_db
ENDS = ["sent", "sent", "sent", "failed", "skipped"]


def ended(size: int, *, period: str = "2026-10", unknown: int = 0) -> Issue:
    """A mailing that has come to its end: two editions, some people without one, the first `unknown` in doubt."""
    dice = random.Random(size)
    issue = open_mailing(crowd_of(size)[:size], period=period)
    second = Edition.objects.create(issue=issue, number=2, label="Health", content_hash="1" * 64)
    for place, row in enumerate(Delivery.objects.filter(issue=issue).order_by("pk")):
        row.state = "unknown" if place < unknown else dice.choice(ENDS)
        row.reason = "" if row.state == "sent" else dice.choice(["first", "second"])
        if place % 3 == 0:
            row.edition = second
        elif row.state == "skipped":
            row.edition = None
        row.finished_at = timezone.now()
        row.save()
    Mailing.objects.filter(pk=issue.pk).update(state="finished", finished_at=timezone.now())
    return issue


@pytest.fixture
def issue(db) -> Issue:
    """Sixty deliveries, four of them unknown, sealed."""
    issue = ended(60, unknown=4)
    assert issue_certificate(issue)
    return issue


def rows(issue: Issue, state: str | None = None) -> list[int]:
    found = Delivery.objects.filter(issue=issue).order_by("pk")
    return list((found.filter(state=state) if state else found).values_list("pk", flat=True))


def queries(act, *arguments: object) -> int:
    with CaptureQueriesContext(connection) as captured:
        act(*arguments)
    return len(captured)


class TestCounts:
    def test_editions_and_states_equal_a_count_of_the_rows(self, issue):
        ended(20, period="2026-11")  # nothing of another issue may be counted
        found = certify(issue)
        raw = list(Delivery.objects.filter(issue=issue).select_related("edition"))
        counts = Counter((row.edition.number if row.edition else None, row.state) for row in raw)
        assert {one.number for one in found.editions} == {1, 2, None}
        for one in found.editions:
            assert one.states == {state: counts[one.number, state] for state in Delivery.State.values}
        assert sum(one.total for one in found.editions) == sum(found.states.values()) == found.frozen == 60
        assert found.balanced
        assert found.skipped_because == Counter(row.reason for row in raw if row.state == "skipped")

    def test_edition_that_nobody_got_is_still_there(self, issue):
        Delivery.objects.filter(issue=issue).update(edition=Edition.objects.get(number=1))
        assert [(one.number, one.total) for one in certify(issue).editions] == [(1, 60), (2, 0)]

    def test_everybody_has_an_end_only_when_nothing_is_unknown_or_left(self, issue):
        assert not certify(issue).proved
        Delivery.objects.filter(state="unknown").update(state="sent")
        assert certify(issue).proved
        Delivery.objects.filter(pk=rows(issue)[0]).update(state="pending")
        assert not certify(issue).proved

    def test_missing_row_does_not_add_up(self, issue):
        Delivery.objects.filter(pk=rows(issue)[0]).delete()
        assert not certify(issue).balanced

    def test_statements_do_not_grow(self):
        few, many = ended(5), ended(100, period="2026-11")
        assert queries(certify, few) == queries(certify, many) == 4
        assert queries(verify, few) == queries(verify, many)

    def test_issue_that_was_never_frozen_counts_nothing(self):
        assert (certify(factories.issue()).frozen, certify(factories.issue("2026-11")).editions) == (0, [])


class TestUnknown:
    def test_each_is_named_without_a_person(self, issue):
        pk = rows(issue, "unknown")[0]
        handed = timezone.now().replace(microsecond=0)
        Delivery.objects.filter(pk=pk).update(handed_at=handed, provider="mailgun", reason="no answer")
        first = list_unknown(issue)[0]
        assert [one.delivery for one in list_unknown(issue)] == rows(issue, "unknown")
        assert (first.delivery, first.edition, first.handed_at, first.provider, first.reason) == (
            pk,
            2,
            handed,
            "mailgun",
            "no answer",
        )

    def test_is_one_statement_and_bounded(self, issue):
        assert queries(list_unknown, issue) == 1
        edition = Edition.objects.get(number=1)
        Delivery.objects.bulk_create(
            Delivery(issue=issue, edition=edition, state="unknown", reason="x") for _ in range(LISTED)
        )
        assert len(list_unknown(issue)) == LISTED


class TestIssuing:
    @pytest.mark.parametrize("state", ["frozen", "sending", "paused"])
    def test_not_before_the_mailing_has_ended(self, state):
        issue = ended(3)
        set_mailing(issue, state)
        assert issue_certificate(issue) is None
        assert verify(issue).sealed is None

    def test_not_while_a_cancelled_one_is_in_flight(self):
        issue = open_mailing(crowd_of(2))
        Mailing.objects.update(state="cancelled", finished_at=timezone.now())
        assert issue_certificate(issue) is None
        ledger.cancel(issue=issue.pk)
        assert issue_certificate(issue).counts["skipped_because"] == {"cancelled": 2}

    def test_holds_what_the_counts_were(self):
        issue = ended(10, unknown=2)
        record = issue_certificate(issue)
        assert {name: record.counts[name] for name in certify(issue).as_dict()} == certify(issue).as_dict()
        assert record.counts["unknown_then"] == rows(issue, "unknown")
        assert len(record.digest) == 64

    def test_once_however_often_it_is_asked_for_and_then_without_reading_the_ledger(self, issue):
        first = CertificateRecord.objects.get()
        with CaptureQueriesContext(connection) as captured:
            assert issue_certificate(issue) == first
        assert len(captured) == 2
        assert CertificateRecord.objects.count() == 1

    def test_again_when_the_mailing_was_opened_again_and_has_ended_again(self, issue):
        set_mailing(issue, "sending")
        ledger.send_again(issue=issue.pk, deliveries=rows(issue, "unknown"))
        assert issue_certificate(issue) is None
        Delivery.objects.filter(state="pending").update(state="sent")
        assert ledger.finish_mailing(issue=issue.pk)
        assert issue_certificate(issue).counts["unknown"] == 0
        assert CertificateRecord.objects.count() == 2
        assert verify(issue).sealed is True

    def test_again_once_the_last_unknown_has_been_settled(self, issue):
        *some, last = rows(issue, "unknown")
        for pk in some:
            ledger.settle(delivery=pk, state="sent", reason="provider reported sent")
        assert issue_missing() == 0
        ledger.settle(delivery=last, state="failed", reason="provider reported rejected")
        assert issue_missing() == 1
        assert verify(issue).settled == []
        Delivery.objects.filter(pk=last).update(state="sent")
        assert verify(issue).changed

    def test_sweep_seals_what_a_stopped_worker_left_and_then_nothing(self):
        issues = [ended(3), ended(4, period="2026-11")]
        assert issue_missing() == 2
        assert [verify(one).sealed for one in issues] == [True, True]
        assert issue_missing() == 0

    def test_is_written_into_the_history_of_the_issue(self, issue):
        entry = PageLogEntry.objects.get(page=issue.pk, action="newsletter.certify")
        assert entry.data["digest"] == CertificateRecord.objects.get().digest


class TestSealHolds:
    """What the law and the ordinary course of things do to the ledger leaves the seal whole."""

    def test_untouched(self, issue):
        seal = verify(issue)
        assert (seal.sealed, seal.changed, seal.settled) == (True, False, [])
        assert seal.digest == CertificateRecord.objects.get().digest

    def test_erasing_members(self, issue):
        gone = [row.member.user for row in Delivery.objects.select_related("member__user")[:30]]
        Delivery.objects.filter(issue=issue).update(message_id="provider's")
        erase_all(gone)
        assert Delivery.objects.filter(issue=issue, member=None).count() == 30
        assert verify(issue).sealed is True

    def test_ageing(self, issue):
        assert sum(ageing.ledger(timezone.now() + timedelta(days=1))) == 60
        assert not Delivery.objects.filter(member__isnull=False).exists()
        assert verify(issue).sealed is True

    def test_reports_of_the_provider_about_what_was_sent(self, issue):
        for pk in rows(issue, "sent"):
            report(pk, "bounced")
        assert ProviderEvent.objects.count() == len(rows(issue, "sent"))
        assert verify(issue).sealed is True

    def test_settling_what_was_unknown_is_told_apart(self, issue):
        first, second, third, fourth = rows(issue, "unknown")
        report(first, "delivered")
        report(second, "rejected")
        ledger.send_again(issue=issue.pk, deliveries=[third])
        seal = verify(issue)
        assert (seal.sealed, seal.changed) == (True, False)
        assert [(one.delivery, one.state) for one in seal.settled] == [
            (first, "sent"),
            (second, "failed"),
            (third, "pending"),
        ]
        assert rows(issue, "unknown") == [fourth]
        assert "settled since: 3" in seal.verdict

    def test_another_issue(self, issue):
        ended(5, period="2026-11")
        assert verify(issue).sealed is True

    def test_key_rotated_with_the_old_one_kept(self, issue, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
        assert verify(issue).sealed is True


def report(delivery: int, event: str) -> None:
    record_provider_event(
        provider="esp",
        event_type=event,
        event_id=f"{event}-{delivery}",
        message_id=None,
        metadata={"delivery": str(delivery)},
        recipient=None,
        happened_at=timezone.now(),
    )


class TestSealBreaks:
    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: rows.filter(state="sent").update(state="failed", reason="first"),
            lambda rows: rows.filter(state="skipped").update(reason="decided: not at all"),
            lambda rows: rows.filter(state="sent").delete(),
            lambda rows: rows.filter(state="failed").update(state="unknown"),
            lambda rows: rows.filter(state="unknown").delete(),
            lambda rows: rows.exclude(edition=None).update(edition=Edition.objects.get(number=2)),
            lambda rows: Delivery.objects.create(issue_id=rows[0].issue_id, state="skipped", reason="late"),
            lambda rows: Edition.objects.filter(number=1).update(content_hash="2" * 64),
            lambda rows: Mailing.objects.update(frozen=F("frozen") + 1),
        ],
        ids=["state", "reason", "removed", "doubt", "doubt-removed", "edition", "added", "content", "frozen"],
    )
    def test_any_other_change_shows(self, change):
        issue = open_mailing(crowd_of(5))
        Edition.objects.create(issue=issue, number=2, label="Other", content_hash="1" * 64)
        for pk, state in zip(rows(issue), ["sent", "failed", "skipped", "unknown", "sent"], strict=True):
            Delivery.objects.filter(pk=pk).update(state=state, reason="first")
        Mailing.objects.update(state="finished", finished_at=timezone.now())
        issue_certificate(issue)
        change(Delivery.objects.filter(issue=issue))
        seal = verify(issue)
        assert (seal.sealed, seal.changed) == (False, True)
        assert "behind the back" in seal.verdict

    def test_one_certificate_more_does_not_cover_it(self, issue):
        Delivery.objects.filter(pk=rows(issue, "sent")[0]).update(state="failed", reason="first")
        Delivery.objects.filter(state="unknown").update(state="sent", reason="settled: provider reported it")
        assert issue_missing() == 1
        assert CertificateRecord.objects.count() == 2
        assert verify(issue).changed

    @pytest.mark.parametrize("column", ["counts", "digest", "issued_at", "signature"])
    def test_certificate_that_was_altered_does_not_match_its_signature(self, issue, column):
        record = CertificateRecord.objects.get()
        record.counts["sent"] += column == "counts"
        record.digest = "0" * 64 if column == "digest" else record.digest
        record.issued_at += timedelta(days=column == "issued_at")
        record.signature = "x" if column == "signature" else record.signature
        record.save()
        seal = verify(issue)
        assert (seal.sealed, seal.authentic) == (False, False)
        assert "signature" in seal.verdict

    def test_key_lost(self, issue, settings):
        settings.SECRET_KEY = "another"
        assert verify(issue).sealed is False
        assert "SECRET_KEY_FALLBACKS" in verify(issue).verdict


class TestPage:
    @pytest.fixture
    def browser(self, db) -> Client:
        browser = Client()
        browser.force_login(factories.UserFactory(is_superuser=True, is_staff=True))
        return browser

    def address(self, issue: Issue) -> str:
        return f"/admin/e-news/{issue.pk}/certificate/"

    def test_shows_counts_editions_unknowns_and_the_seal(self, browser, issue):
        text = browser.get(self.address(issue)).content.decode()
        for words in ("the counts add up", "Sealed on", "Health", "Nothing in this issue was for them", 'id="decide"'):
            assert words in text
        for pk in rows(issue, "unknown"):
            assert f'<th scope="row">{pk}</th>' in text
        assert verify(issue).digest in text

    def test_names_nobody(self, browser, issue):
        text = browser.get(self.address(issue)).content.decode()
        assert not [row for row in Delivery.objects.select_related("member__user") if row.member.user.email in text]

    def test_says_what_is_amiss(self, browser, issue):
        Delivery.objects.filter(pk=rows(issue, "sent")[0]).delete()
        text = browser.get(self.address(issue)).content.decode()
        assert "do not add up" in text
        assert "behind the back" in text

    def test_issue_that_is_not_frozen(self, browser):
        assert "not been frozen" in browser.get(self.address(factories.issue())).content.decode()

    def test_list_and_report_lead_to_it(self, browser, issue):
        for page in ("/admin/e-news/", f"/admin/e-news/{issue.pk}/report/"):
            assert self.address(issue) in browser.get(page).content.decode()

    def test_is_for_those_who_work_on_issues(self, issue):
        approver, stranger = factories.UserFactory(), factories.UserFactory()
        approver.groups.add(Group.objects.get(name=APPROVERS_GROUP))
        for person, status in ((approver, 200), (stranger, 302)):
            browser = Client()
            browser.force_login(person)
            assert browser.get(self.address(issue)).status_code == status

    def test_statements_do_not_grow(self, browser):
        few, many = ended(5, unknown=1), ended(80, period="2026-11", unknown=20)
        browser.get(self.address(few))
        assert queries(browser.get, self.address(few)) == queries(browser.get, self.address(many))
