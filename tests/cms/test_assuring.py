"""“Is this still correct?”: who is asked and when, the page behind the link, and what each answer does."""

import re
from datetime import date, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cms import assuring, caring, tasks
from cms.addresses import address_hash
from cms.models import AssuranceRequest, Entry, Kind
from cms.models.entry import REVIEW_AFTER
from membership.models import Suppression
from tests.cms.care import asked, due, today

pytestmark = pytest.mark.django_db

Answer = AssuranceRequest.Answer
DESK = "desk@example.org"


@pytest.fixture(autouse=True)
def outbox(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox = []


@pytest.fixture
def ask(django_capture_on_commit_callbacks):
    """One run of the task; returns how many entries were asked about."""

    def run(**options):
        with django_capture_on_commit_callbacks(execute=True):
            return assuring.ask_contacts(**options)

    return run


def links():
    return [found for message in mail.outbox for found in re.findall(r"http\S+/still-correct/\S+/", message.body)]


def path(link: str) -> str:
    return link[link.index("/still-correct/") :]


class TestWhoIsAsked:
    def test_the_contact_of_what_is_due(self, ask):
        due(10, title="Visits desk", contact_email=DESK, summary="Where to ring.", kind=Kind.SERVICE, phone="0191 1")
        assert ask() == 1
        (message,) = mail.outbox
        assert message.to == [DESK]
        assert message.subject == assuring.SUBJECT
        assert all(words in message.body for words in ("Visits desk", "Where to ring.", "Telephone: 0191 1"))
        assert AssuranceRequest.objects.get().token_hash not in message.body

    def test_a_service_is_asked_where_it_is_reached(self, ask):
        due(10, kind=Kind.SERVICE, email="Service@Example.org")
        ask()
        assert mail.outbox[0].to == ["service@example.org"]

    @pytest.mark.parametrize(
        ("days", "fields"),
        [
            (31, {}),
            (10, {"contact_email": ""}),
            (10, {"live": False}),
            (10, {"kind": Kind.CASE_STUDY}),
            (10, {"kind": Kind.FUNDING, "deadline": date(2020, 1, 1)}),
        ],
        ids=["not-due", "no-contact", "draft", "case-study", "closed"],
    )
    def test_nobody_else(self, ask, days, fields):
        due(days, **{"contact_email": DESK, **fields})
        assert ask() == 0
        assert not mail.outbox

    def test_a_suppressed_address_is_never_mailed_and_never_counts_as_asked(self, ask):
        Suppression.objects.create(address_hash=address_hash(DESK), reason=Suppression.Reason.BOUNCED)
        due(10, contact_email=DESK)
        due(10, contact_email="other@example.org")
        assert ask() == 1
        assert [message.to for message in mail.outbox] == [["other@example.org"]]
        assert AssuranceRequest.objects.count() == 1

    def test_nobody_while_sending_is_disarmed(self, ask, settings):
        settings.SENDING_ARMED = False
        due(10, contact_email=DESK)
        assert ask() == 0

    def test_several_entries_of_one_contact_go_into_one_mail(self, ask):
        for title in ("First", "Second"):
            due(10, title=title, contact_email=DESK)
        due(10, title="Third", contact_email="DESK@example.org")
        assert ask() == 3
        (message,) = mail.outbox
        assert all(title in message.body for title in ("First", "Second", "Third"))
        assert len(set(links())) == 3

    def test_more_entries_than_one_mail_holds_follow_another_day(self, ask, monkeypatch):
        monkeypatch.setattr(assuring, "PER_MAIL", 2)
        for _ in range(3):
            due(10, contact_email=DESK)
        assert (ask(), ask()) == (2, 0)
        with time_machine.travel(timezone.now() + timedelta(hours=22)):
            assert (ask(), ask()) == (1, 0)

    def test_a_contact_gets_one_mail_a_day_whatever_is_due(self, ask):
        asked(due(10, kind=Kind.SERVICE, email="Desk@example.org"), days=0.5)
        due(10, contact_email=DESK)
        due(10, contact_email="other@example.org")
        assert ask() == 1
        assert [message.to for message in mail.outbox] == [["other@example.org"]]

    def test_a_mail_has_left_when_its_row_says_so(self, settings):
        settings.ACCOUNT_MAIL_BEHIND_ANSWER = True
        due(10, contact_email=DESK)
        assert assuring.ask_contacts() == 1
        assert len(mail.outbox) == 1

    def test_what_the_provider_refuses_counts_as_not_asked(self, ask, monkeypatch):
        entry = due(10, contact_email=DESK)
        due(10, contact_email="other@example.org")
        monkeypatch.setattr(assuring, "deliver", lambda message: message.to != [DESK] and message.send() == 1)
        assert ask() == 1
        assert not AssuranceRequest.objects.filter(entry=entry).exists()
        monkeypatch.undo()
        assert ask() == 1
        assert path(links()[-1])

    def test_who_is_suppressed_at_the_last_moment_counts_as_asked(self, ask, monkeypatch):
        def bounce(message):
            Suppression.objects.create(address_hash=address_hash(DESK), reason=Suppression.Reason.BOUNCED)
            return False

        due(10, contact_email=DESK)
        monkeypatch.setattr(assuring, "deliver", bounce)
        assert (ask(), ask()) == (1, 0)

    def test_suppressed_contacts_take_no_place_from_others(self, ask):
        Suppression.objects.create(address_hash=address_hash("a@example.org"), reason=Suppression.Reason.BOUNCED)
        for _ in range(3):
            due(5, contact_email="a@example.org")
        due(10, contact_email=DESK)
        assert ask(at_most=2) == 1

    def test_a_run_is_bounded_and_the_next_goes_on(self, ask, monkeypatch):
        monkeypatch.setattr(assuring, "CONTACTS", 2)
        for number in range(5):
            due(10, contact_email=f"desk{number}@example.org")
        assert (ask(at_most=3), ask(at_most=3), ask()) == (3, 2, 0)
        assert len({message.to[0] for message in mail.outbox}) == 5
        assert ask(seconds=-1) == 0

    def test_takes_as_many_queries_however_many_entries_a_contact_has(self, ask):
        def queries(contact, number):
            for _ in range(number):
                due(10, contact_email=contact)
            with CaptureQueriesContext(connection) as captured:
                ask()
            return len(captured)

        ask()  # the first look at the database takes down which one it is
        assert queries("few@example.org", 2) == queries("many@example.org", 10)


class TestHowOften:
    def test_once_a_month_and_three_times_at_most(self, ask):
        due(10, contact_email=DESK)
        start = timezone.now()
        sent = []
        for day in range(0, 200, 5):
            with time_machine.travel(start + timedelta(days=day), tick=False):
                sent.extend([day] * ask())
        assert sent == [0, 30, 60]

    def test_a_missed_day_is_made_up(self, ask):
        due(-40, contact_email=DESK)
        assert (ask(), ask()) == (1, 0)

    def test_an_answer_begins_a_new_count(self, ask):
        entry = due(10, contact_email=DESK)
        for days in (200, 170, 140):
            asked(entry, days=days)
        assert ask() == 0
        asked(entry, days=100, answer=Answer.CHANGED, done=True)
        assert ask() == 1

    def test_a_check_by_an_editor_begins_a_new_count(self, ask):
        entry = due(10, contact_email=DESK, assured_on=today() - timedelta(days=120))
        for days in (200, 170, 140):
            asked(entry, days=days)
        assert ask() == 1

    def test_nobody_is_asked_while_an_answer_waits_for_an_editor(self, ask):
        asked(due(10, contact_email=DESK), days=50, answer=Answer.GONE)
        assert ask() == 0

    def test_the_task_calls_it(self, django_capture_on_commit_callbacks):
        due(10, contact_email=DESK)
        with django_capture_on_commit_callbacks(execute=True):
            tasks.ask_contacts()
        assert len(mail.outbox) == 1


class TestAskNow:
    @pytest.fixture
    def press(self, superuser_client, django_capture_on_commit_callbacks):
        def press(entry):
            with django_capture_on_commit_callbacks(execute=True):
                response = superuser_client.post(reverse("hub_care_ask", args=[entry.pk]), follow=True)
            return response.content.decode()

        return press

    def test_asks_again_before_the_month_is_over(self, press):
        entry = due(10, contact_email=DESK, title="Visits desk")
        asked(entry, days=5)
        assert "was asked by e-mail" in press(entry)
        assert len(mail.outbox) == 1

    def test_pressed_twice_it_asks_once(self, press):
        entry = due(10, contact_email=DESK)
        press(entry)
        assert "asked within the last day" in press(entry)
        assert len(mail.outbox) == 1

    def test_says_why_nobody_can_be_asked(self, press, settings):
        assert "give it an address" in press(due(10))
        assert "give it an address" in press(due(10, kind=Kind.CASE_STUDY, contact_email=DESK))
        Suppression.objects.create(address_hash=address_hash(DESK), reason=Suppression.Reason.BOUNCED)
        assert "never mailed" in press(due(10, contact_email=DESK))
        settings.SENDING_ARMED = False
        assert "switched off" in press(due(10, contact_email="other@example.org"))
        assert not mail.outbox


class TestPage:
    @pytest.fixture
    def entry(self):
        return due(
            -3, kind=Kind.SERVICE, title="Visits <b>desk</b>", contact_email=DESK, phone="0191 496 0000",
            link="https://example.org/visits",
        )  # fmt: skip

    @pytest.fixture
    def address(self, entry, ask):
        ask()
        return path(links()[0])

    @pytest.fixture
    def stranger(self):
        return Client(enforce_csrf_checks=True)

    def test_shows_the_details_and_changes_nothing(self, stranger, address, entry):
        for method in (stranger.get, stranger.head):
            response = method(address)
            assert response.status_code == 200
            assert not response.cookies
            assert "no-store" in response["Cache-Control"]
            assert "noindex" in response["X-Robots-Tag"]
        text = stranger.get(address).content.decode()
        assert all(words in text for words in ("Visits &lt;b&gt;desk&lt;/b&gt;", "0191 496 0000", "example.org/visits"))
        assert DESK not in text
        assert Entry.objects.get(pk=entry.pk).assured_on is None
        assert AssuranceRequest.objects.get().answered_at is None

    def test_still_correct_moves_the_next_check_on(self, stranger, address, entry):
        response = stranger.post(address, {"answer": "correct"})
        assert response.status_code == 200
        assert not response.cookies
        entry = Entry.objects.get(pk=entry.pk)
        assert (entry.assured_on, entry.review_due) == (today(), today() + REVIEW_AFTER)
        assert not caring.open_answers()

    def test_answered_twice_is_harmless(self, stranger, address, entry):
        stranger.post(address, {"answer": "correct"})
        Entry.objects.filter(pk=entry.pk).update(assured_on=date(2026, 1, 1))
        assert stranger.post(address, {"answer": "correct"}).status_code == 200
        assert Entry.objects.get(pk=entry.pk).assured_on == date(2026, 1, 1)

    def test_what_has_changed_is_noted_for_editors(self, stranger, address, entry):
        assert stranger.post(address, {"answer": "changed", "text": "A new number."}).status_code == 200
        assert [(one.answer, one.text) for one in caring.open_answers()] == [("changed", "A new number.")]
        assert Entry.objects.get(pk=entry.pk).assured_on is None
        assert "We have your answer" in stranger.get(address).content.decode()

    def test_no_longer_offered_is_noted_and_unpublishes_nothing(self, stranger, address, entry):
        stranger.post(address, {"answer": "gone"})
        assert [one.answer for one in caring.open_answers()] == ["gone"]
        assert Entry.objects.get(pk=entry.pk).live

    def test_another_answer_takes_the_place_of_the_first(self, stranger, address, entry):
        stranger.post(address, {"answer": "gone"})
        stranger.post(address, {"answer": "correct"})
        assert not caring.open_answers()
        assert Entry.objects.get(pk=entry.pk).assured_on == today()

    @pytest.mark.parametrize(
        "text",
        ["", "   ", "\x00", "a\x00b", "x" * 2001, "x" * 10_000],
        ids=["none", "blank", "nul", "in", "long", "10k"],
    )
    def test_words_that_cannot_be_kept_are_refused_with_a_sentence(self, stranger, address, text):
        response = stranger.post(address, {"answer": "changed", "text": text})
        assert response.status_code == 400
        assert "Please check your answer" in response.content.decode()
        assert not caring.open_answers()

    def test_script_in_the_words_is_kept_as_words(self, stranger, address, superuser_client):
        stranger.post(address, {"answer": "changed", "text": "<script>alert(1)</script>"})
        text = superuser_client.get(reverse("hub_care"), {"show": "answers"}).content.decode()
        assert "&lt;script&gt;alert(1)" in text

    @pytest.mark.parametrize("answer", ["", "else", "<script>", "x" * 10_000])
    def test_an_unknown_answer_shows_the_page_again(self, stranger, address, answer):
        assert stranger.post(address, {"answer": answer}).status_code == 200
        assert AssuranceRequest.objects.get().answered_at is None

    @pytest.mark.parametrize("token", ["unknown", "x" * 5000, "%00", "%F0%9F%90%A6"])
    def test_an_unknown_link_says_whom_to_write_to(self, stranger, token, settings):
        response = stranger.get(f"/still-correct/{token}/")
        assert response.status_code == 404
        assert settings.TEAM_EMAIL in response.content.decode()
        assert "no-store" in response["Cache-Control"]

    def test_a_link_answers_for_sixty_days(self, stranger, address):
        for days, status in ((59, 200), (61, 404)):
            with time_machine.travel(timezone.now() + timedelta(days=days)):
                assert stranger.post(address, {"answer": "gone"}).status_code == status

    def test_only_the_newest_link_counts(self, stranger, address, entry, superuser, django_capture_on_commit_callbacks):
        with time_machine.travel(timezone.now() + timedelta(days=31)):
            with django_capture_on_commit_callbacks(execute=True):
                assuring.ask_now(entry=entry, by=superuser)
            assert stranger.post(address, {"answer": "correct"}).status_code == 404
            assert stranger.post(path(links()[-1]), {"answer": "correct"}).status_code == 200

    def test_a_link_of_an_unpublished_entry_is_over(self, stranger, address, entry):
        entry.unpublish()
        assert stranger.get(address).status_code == 404

    @pytest.mark.parametrize("method", ["put", "delete", "options"])
    def test_nothing_but_looking_and_answering(self, stranger, address, method):
        assert getattr(stranger, method)(address).status_code == 405


class TestStale:
    def test_stays_out_of_what_is_compiled_and_says_so_on_its_page(self, client):
        stale, fresh = due(-1, title="Overdue"), due(1, title="Fresh")
        assert list(Entry.objects.live().current(today())) == [Entry.objects.get(pk=fresh.pk)]
        assert "due to be checked again" in client.get(stale.url).content.decode()
        assert "due to be checked again" not in client.get(fresh.url).content.decode()

    def test_is_over_once_it_was_checked(self):
        stale = due(-1)
        caring.mark_checked(entry=stale)
        assert Entry.objects.live().current(today()).filter(pk=stale.pk).exists()
