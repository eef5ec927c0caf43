"""Messages to the team: the form, its acknowledgement, and the desk that answers."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as conf
from django.contrib.auth.models import Group
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms.addresses import address_hash
from cms.contacting import ANSWERED, REOPENED, send_message
from cms.models import Kind, Message
from membership.models import Suppression, User
from tests import factories

pytestmark = pytest.mark.django_db

ADDRESS = "sam@example.org"
FORM = {"name": "Sam", "email": ADDRESS, "text": "Is the film still on loan?"}


@pytest.fixture(autouse=True)
def outbox(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    mail.outbox = []


@pytest.fixture
def write(client, django_capture_on_commit_callbacks):
    def write(query="", **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(f"/contact/{query}", FORM | fields)

    return write


@pytest.fixture
def author_client():
    user = factories.UserFactory(first_name="Ann", last_name="Author")
    user.groups.add(Group.objects.get(name="Author"))
    client = Client()
    client.force_login(user)
    return client


def message(**fields):
    number = Message.objects.count() + 1
    values = {"reference": f"M-{number:08}", "text": "A question.", "received_at": timezone.now(), **fields}
    return Message.objects.create(**values)


class TestForm:
    def test_says_how_to_reach_us(self, client):
        text = client.get("/contact/").content.decode()
        assert conf.HELPLINE["number"] in text
        assert all(line in text for line in conf.POSTAL_ADDRESS.split(", "))
        assert reverse("contact") == "/contact/"

    def test_keeps_the_message_and_acknowledges_it(self, write):
        response = write()
        kept = Message.objects.get()
        assert (kept.name, kept.email, kept.text, kept.entry) == ("Sam", ADDRESS, FORM["text"], None)
        assert kept.reference in response.content.decode()
        (sent,) = mail.outbox
        assert sent.to == [ADDRESS]
        assert kept.reference in sent.subject + sent.body

    def test_nothing_a_stranger_typed_goes_into_the_mail(self, write):
        write(name="Click here", text="Buy https://example.org/bad")
        (sent,) = mail.outbox
        assert not any(words in sent.subject + sent.body for words in ("Click here", "Buy", "example.org/bad"))

    def test_needs_neither_name_nor_address(self, write):
        text = write(name="", email="").content.decode()
        assert Message.objects.get().reference in text
        assert "cannot answer" in text
        assert not mail.outbox

    def test_the_address_is_kept_in_one_spelling(self, write):
        write(email=" SAM@Example.ORG ")
        assert Message.objects.get().email == ADDRESS

    def test_the_same_form_sent_twice_is_one_message(self, write):
        assert write().content == write().content
        assert Message.objects.count() == len(mail.outbox) == 1

    def test_an_address_is_acknowledged_three_times_a_day(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            for number in range(5):
                send_message(name="", email=ADDRESS, text=f"Question {number}")
            with time_machine.travel(timezone.now() + timedelta(days=2)):
                send_message(name="", email=ADDRESS, text="Another")
        assert (Message.objects.count(), len(mail.outbox)) == (6, 4)

    def test_a_suppressed_address_gets_no_mail_and_its_message_is_kept(self, write):
        Suppression.objects.create(address_hash=address_hash(ADDRESS), reason=Suppression.Reason.BOUNCED)
        write()
        assert Message.objects.count() == 1
        assert not mail.outbox

    @pytest.mark.parametrize(
        "fields",
        [
            {"text": ""},
            {"text": " \n "},
            {"text": "x" * 4001},
            {"text": "x" * 10_000},
            {"text": "a\x00b"},
            {"name": "a\x00b"},
            {"name": "x" * 10_000},
            {"email": "no address"},
            {"email": "a\x00b@example.org"},
            {"email": "x" * 10_000},
            {"email": "sam@example.org\nBcc: eve@example.org"},
            {"website": "https://example.org"},
        ],
        ids=str.lower("NONE BLANK LONG 10K NUL NAME-NUL NAME-10K WORDS MAIL-NUL MAIL-10K HEADER ROBOT").split(),
    )
    def test_what_cannot_be_kept_is_refused_with_a_sentence(self, write, fields):
        response = write(**fields)
        assert response.status_code == 400
        assert "Please check your answers" in response.content.decode()
        assert not Message.objects.exists()
        assert not mail.outbox

    def test_what_was_typed_comes_back_as_words(self, write):
        bad = "<script>alert(1)</script>"
        text = write(email="no", name=bad, text=bad).content.decode()
        assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
        assert "<script>alert" not in text


class TestRate:
    def test_one_address_writes_four_times_in_ten_minutes_from_one_place(self, write):
        answers = [write(text=f"Question {number}").status_code for number in range(5)]
        assert answers == [200] * 4 + [429]
        assert Message.objects.count() == 4
        assert write(email="other@example.org").status_code == 200

    def test_messages_without_an_address_say_how_to_get_through(self, write):
        answers = [write(email="", text=f"Question {number}") for number in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429]
        assert "give your address" in answers[-1].content.decode()
        assert write().status_code == 200


class TestAboutAnEntry:
    def test_names_the_entry_and_keeps_it(self, client, write):
        entry = factories.entry(title="Visits <b>desk</b>")
        query = f"?entry={entry.pk}"
        text = client.get(f"/contact/{query}").content.decode()
        assert "Visits &lt;b&gt;desk&lt;/b&gt;" in text
        assert "noindex" in text
        write(query)
        assert Message.objects.get().entry_id == entry.pk

    @pytest.mark.parametrize("word", ["", "0", "999999", "9" * 40, "-1", "x", "٣", "%00", "<script>", "a" * 10_000])
    def test_an_unknown_id_is_ignored(self, client, write, word):
        assert client.get(f"/contact/?entry={word}").status_code == 200
        assert write(f"?entry={word}").status_code == 200
        assert Message.objects.get().entry is None

    def test_a_draft_is_not_named(self, client):
        entry = factories.entry(title="Secret plan", live=False)
        assert "Secret plan" not in client.get(f"/contact/?entry={entry.pk}").content.decode()

    def test_a_case_study_shows_its_title_only(self, client):
        entry = factories.entry(Kind.CASE_STUDY, title="A nursery", summary="Members only.", body="<p>Secret.</p>")
        text = client.get(f"/contact/?entry={entry.pk}").content.decode()
        assert "A nursery" in text
        assert "Secret." not in text


def page(client, **query):
    response = client.get(reverse("hub_messages"), query)
    assert response.status_code == 200
    return response.content.decode()


class TestDesk:
    def test_what_waits_longest_comes_first(self, author_client):
        for days, text in ((1, "Second"), (3, "First")):
            message(text=text, received_at=timezone.now() - timedelta(days=days))
        message(text="Long done", answered_at=timezone.now())
        text = page(author_client)
        assert text.index("First") < text.index("Second")
        assert "Long done" not in text
        assert "Long done" in page(author_client, show="answered")

    def test_shows_what_was_written_as_words(self, author_client):
        bad = "<script>alert(1)</script>"
        one = message(name=bad, email=ADDRESS, text=f"{bad}\nSecond line", entry=factories.entry(title=bad))
        for address in (reverse("hub_messages"), reverse("hub_message", args=[one.pk])):
            text = author_client.get(address).content.decode()
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
            assert "<script>alert" not in text
        assert "<br>Second line" in text
        assert f"mailto:{ADDRESS}?subject=Your%20message%20to%20i-HOP%2C%20{one.reference}" in text

    def test_without_an_address_there_is_nothing_to_write_to(self, author_client):
        assert "mailto:" not in author_client.get(reverse("hub_message", args=[message().pk])).content.decode()

    def test_answered_with_a_note(self, author_client):
        one = message()
        response = author_client.post(reverse("hub_message", args=[one.pk]), {"note": "Rang back."})
        assert response.url == reverse("hub_messages")
        one.refresh_from_db()
        assert (one.note, one.answered_by.first_name) == ("Rang back.", "Ann")
        assert one.answered_at
        text = author_client.get(reverse("hub_message", args=[one.pk])).content.decode()
        assert "Rang back." in text
        assert ModelLogEntry.objects.filter(action=ANSWERED).count() == 1

    def test_the_first_answer_counts(self, author_client, superuser_client):
        one = message()
        superuser_client.post(reverse("hub_message", args=[one.pk]), {"note": "First"})
        response = author_client.post(reverse("hub_message", args=[one.pk]), {"note": "Second"}, follow=True)
        assert "had been answered before" in response.content.decode()
        one.refresh_from_db()
        assert one.note == "First"

    def test_can_be_opened_again(self, author_client):
        one = message()
        address = reverse("hub_message", args=[one.pk])
        author_client.post(address, {"note": "Rang back."})
        author_client.post(address, {"act": "reopen"})
        one.refresh_from_db()
        assert (one.answered_at, one.answered_by, one.note) == (None, None, "Rang back.")
        assert ModelLogEntry.objects.filter(action=REOPENED).count() == 1

    @pytest.mark.parametrize("note", ["a\x00b", "x" * 10_000], ids=["nul", "10k"])
    def test_a_note_that_cannot_be_kept_is_refused(self, author_client, note):
        one = message()
        assert author_client.post(reverse("hub_message", args=[one.pk]), {"note": note}).status_code == 400
        one.refresh_from_db()
        assert one.answered_at is None

    @pytest.mark.parametrize("query", ["show=%00", "show=<script>", "p=999999", "p=x"])
    def test_a_made_up_address_shows_the_page(self, author_client, query):
        message()
        assert author_client.get(f"{reverse('hub_messages')}?{query}").status_code == 200

    def test_takes_as_many_queries_however_long_it_is(self, author_client):
        def queries():
            with CaptureQueriesContext(connection) as captured:
                page(author_client)
                page(author_client, show="answered")
            return len(captured)

        def add(number):
            for _ in range(number):
                message(entry=factories.entry())
                message(entry=factories.entry(), answered_at=timezone.now(), answered_by=factories.UserFactory())

        add(1)
        page(author_client)
        few = queries()
        add(6)
        assert queries() == few

    def test_is_for_editors_only(self, client, member_client):
        one = message(text="For the team only")
        adviser = Client()
        user = User.objects.create(email="adviser@example.org")
        user.groups.add(Group.objects.get(name="Helpline adviser"))
        adviser.force_login(user)
        for other in (client, member_client, adviser):
            for address in (reverse("hub_messages"), reverse("hub_message", args=[one.pk])):
                response = other.get(address)
                assert response.status_code in {302, 403}
                assert "For the team only" not in response.content.decode()
