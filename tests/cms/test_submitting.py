"""Offering something for the directory: the forms, the confirmation by mail, the draft, and what strangers try."""

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms import submitting
from cms.models import CaseStudy, Entry, Event, Resource, Service, Submission
from cms.plain_text import many_lines, one_line, paragraphs
from cms.submission_forms import FORMS, described
from cms.tokens import new_token
from tests.cms.offers import PERSON, TEXTS, WORDS, confirmation, mails, offer
from tests.factories import subscription

pytestmark = pytest.mark.django_db
State = Submission.State
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def mail_to_files(settings):
    """Rate limits are counted in the cache, and mail goes where the embedded default puts it."""
    settings.EMAIL_BACKEND = "config.outbox.OutboxBackend"
    cache.clear()


@pytest.fixture
def visitor(django_capture_on_commit_callbacks):
    """Somebody with a browser, whose every request ends with what waited for the commit."""

    class Visitor(Client):
        def request(self, **request):
            with django_capture_on_commit_callbacks(execute=True):
                return super().request(**request)

    return Visitor()


# --- The pages -----------------------------------------------------------------------------------


def test_first_page_leads_to_each_form(visitor):
    text = visitor.get("/submit/").content.decode()
    for kind in FORMS:
        assert f'href="/submit/{kind}/"' in text
    assert "13 months" in text


@pytest.mark.parametrize("kind", FORMS)
def test_each_form_opens_with_nothing_ticked(visitor, kind):
    response = visitor.get(f"/submit/{kind}/")
    text = response.content.decode()
    assert response.status_code == 200
    assert " checked" not in text
    assert "What happens next" in text
    assert "no-store" in response["Cache-Control"]
    assert visitor.head(f"/submit/{kind}/").status_code == 200


@pytest.mark.parametrize("kind", ["research", "policy", "funding", "training", "nonsense", "CASE-STUDY", "confirm"])
def test_unknown_kind_is_not_found(visitor, kind):
    assert visitor.get(f"/submit/{kind}/").status_code == 404
    assert visitor.post(f"/submit/{kind}/", PERSON).status_code == 404


def test_form_takes_as_many_queries_however_many_offers_there_are(visitor):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            offer(visitor, email=f"sam{Submission.objects.count()}@example.org")
        return len(captured)

    queries()  # whatever is looked up once only
    few = queries()
    for _ in range(5):
        queries()
    assert queries() == few


# --- Sending and confirming ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "model"), [("service", Service), ("resource", Resource), ("event", Event), ("case-study", CaseStudy)]
)
def test_offer_becomes_a_draft_once_its_sender_confirms(visitor, kind, model):
    assert offer(visitor, kind).status_code == 200
    one = Submission.objects.get()
    assert (one.state, one.email, one.name, one.kind) == (State.UNCONFIRMED, "sam@example.org", "Sam Sample", kind)
    assert not Entry.objects.exists(), "nothing reaches the editors before"
    (mail,) = mails()
    assert mail["To"] == "sam@example.org"
    assert WORDS[kind]["title"] not in mail.get_content(), "nothing that was typed goes to an unproven address"
    path = confirmation(mail)

    page = visitor.get(path)
    assert page.status_code == 200
    assert WORDS[kind]["title"] in page.content.decode()
    one.refresh_from_db()
    assert one.state == State.UNCONFIRMED, "looking changes nothing"

    done = visitor.post(path)
    one.refresh_from_db()
    assert one.state == State.WAITING
    assert one.reference in done.content.decode()
    entry = model.objects.get()
    assert (entry.pk, entry.title, entry.live) == (one.entry_id, WORDS[kind]["title"], False)
    assert entry.summary == WORDS[kind]["summary"]
    assert entry.url_path.endswith(f"/directory/{entry.slug}/")
    assert entry.current_workflow_state.status == "in_progress"
    assert visitor.get(f"/directory/{entry.slug}/").status_code == 404
    (receipt,) = mails("We have what you offered")
    assert one.reference in receipt["Subject"]


def test_fields_of_the_form_are_those_of_the_entry(visitor):
    offer(
        visitor,
        sectors=["health", "schools"],
        regions=["north-east"],
        topics=["visits"],
        age_groups=["under-3"],
        body="First line\nsecond line\n\nNext paragraph",
        who_it_helps="Children",
        how_to_refer="Ring us",
        cost="Free",
        phone="0808 802 2013",
        contact="Office@Example.org",
        link="www.example.org/bus",
        opening_hours="Saturdays",
        ask_again="on",
    )
    visitor.post(confirmation(mails()[0]))
    one = Service.objects.get()
    assert one.body == "<p>First line<br/>second line</p><p>Next paragraph</p>"
    assert [term.slug for term in one.sectors.all()] == ["health", "schools"]
    assert [term.slug for term in one.regions.all()] == ["north-east"]
    assert [term.slug for term in one.topics.all()] == ["visits"]
    assert [term.slug for term in one.age_groups.all()] == ["under-3"]
    assert (one.phone, one.email, one.cost, one.area) == (
        "0808 802 2013",
        "office@example.org",
        "Free",
        "North Tyneside",
    )
    assert (one.link, one.reader, one.publisher) == ("https://www.example.org/bus", "families", "Sample Trust")
    assert one.contact_email == "sam@example.org"
    latest = one.get_latest_revision_as_object()
    assert (latest.title, latest.body, latest.sectors.count()) == (one.title, one.body, 2)
    latest.full_clean()
    shown = dict(described("service", Submission.objects.get().words))
    assert (shown["Fields of work it is meant for"], shown["Who uses it?"]) == (
        "Health, Schools and education",
        "Families",
    )


def test_nobody_is_asked_again_who_did_not_tick_it(visitor):
    offer(visitor)
    visitor.post(confirmation(mails()[0]))
    assert Service.objects.get().contact_email == ""


def test_event_has_its_times_in_local_time(visitor):
    day = (timezone.localdate() + timedelta(days=40)).isoformat()
    offer(visitor, "event", day=day, begins="09:30", ends="16:00")
    visitor.post(confirmation(mails()[0]))
    event = Event.objects.get()
    local = [timezone.localtime(moment) for moment in (event.starts_at, event.ends_at)]
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in local] == [f"{day} 09:30", f"{day} 16:00"]
    assert event.key_date.isoformat() == day


def test_case_study_is_private_from_its_first_moment(visitor, member_client):
    offer(visitor, "case-study")
    visitor.post(confirmation(mails()[0]))
    study = CaseStudy.objects.get()
    (restriction,) = study.get_view_restrictions()
    assert restriction.restriction_type == "groups"
    assert member_client.get(f"/directory/{study.slug}/").status_code == 404


def test_confirming_twice_is_confirming_once(visitor):
    offer(visitor)
    path = confirmation(mails()[0])
    assert {visitor.post(path).status_code for _ in range(3)} == {200}
    assert visitor.get(path).status_code == 200
    assert Entry.objects.count() == 1
    assert len(mails("We have what you offered")) == 1


@pytest.mark.parametrize("token", ["x", "a" * 32, "%00", "a" * 3000, "..%2f"])
def test_unknown_link_is_kindly_not_found(visitor, token):
    for response in (visitor.get(f"/submit/confirm/{token}/"), visitor.post(f"/submit/confirm/{token}/")):
        assert response.status_code == 404


def test_old_link_is_kindly_not_found(visitor):
    offer(visitor)
    path = confirmation(mails()[0])
    Submission.objects.update(made_at=timezone.now() - submitting.CONFIRM_WITHIN - timedelta(minutes=1))
    response = visitor.post(path)
    assert (response.status_code, Entry.objects.count()) == (404, 0)
    assert "no longer valid" in response.content.decode()


def test_form_sent_twice_is_one_offer(visitor):
    for _ in range(2):
        assert offer(visitor).status_code == 200
    assert (Submission.objects.count(), len(mails())) == (1, 1)
    offer(visitor, summary="In other words.")
    assert Submission.objects.count() == 2


def test_same_form_an_hour_later_is_another_offer(visitor):
    offer(visitor)
    Submission.objects.update(made_at=timezone.now() - timedelta(minutes=61))
    offer(visitor)
    assert Submission.objects.count() == 2


def test_an_address_gets_three_mails_a_day_until_it_answers(db, django_capture_on_commit_callbacks):
    def send(number):
        fields = {"kind": "service", "words": {}, "name": "Sam", "email": "sam@example.org"}
        return submitting.submit(title=f"Offer {number}", **fields)

    with django_capture_on_commit_callbacks(execute=True):
        made = [send(number) for number in range(5)]
    assert [bool(one) for one in made] == [True, True, True, False, False]
    assert len(mails()) == 3
    Submission.objects.filter(pk=made[0].pk).update(state=State.WAITING)
    assert send(6), "whoever answers may go on"
    Submission.objects.update(made_at=timezone.now() - timedelta(hours=25))
    assert send(7)


def test_too_many_from_one_address_must_wait(visitor):
    answers = [offer(visitor, title=f"Offer {number}") for number in range(6)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.context["form"]["title"].value() == "Offer 5"
    assert 'value="Offer 5"' in refused.content.decode(), "nobody types it again"
    assert "wait a few minutes" in refused.content.decode()


def test_answer_is_the_same_for_members_strangers_and_the_suppressed(visitor):
    subscription("member@example.org")
    subscription("gone@example.org", suppressed=True)
    answers = {offer(visitor, email=f"{name}@example.org").content for name in ("member", "gone", "nobody")}
    assert len(answers) == 1
    assert {mail["To"] for mail in mails()} == {"member@example.org", "nobody@example.org"}


def test_second_page_of_the_same_title_gets_a_slug_of_its_own(visitor):
    for address in ("a@example.org", "b@example.org"):
        offer(visitor, email=address)
    for mail in mails("confirm"):
        visitor.post(confirmation(mail))
    assert Entry.objects.count() == len(set(Entry.objects.values_list("slug", flat=True))) == 2


# --- Programs ------------------------------------------------------------------------------------


def test_filled_honeypot_looks_like_success_and_keeps_nothing(visitor):
    honest = offer(visitor).content
    caught = offer(visitor, title="Bargains", website="https://example.org")
    assert (caught.status_code, caught.content) == (200, honest)
    assert (Submission.objects.count(), len(mails())) == (1, 1)


@pytest.mark.parametrize("opened", [None, "", "nonsense", "a:b:c"])
def test_form_without_a_true_stamp_keeps_nothing(visitor, opened):
    more = {"drop": ["opened"]} if opened is None else {"opened": opened}
    assert offer(visitor, **more).status_code == 200
    assert not Submission.objects.exists()


def test_too_fast_a_hand_keeps_nothing(visitor):
    with time_machine.travel(timezone.now(), tick=False):
        opened = visitor.get("/submit/service/").context["form"]["opened"].value()
        response = visitor.post("/submit/service/", {**PERSON, **WORDS["service"], "opened": opened})
    assert "Check your e-mail" in response.content.decode()
    assert not Submission.objects.exists()


# --- What is wrong is said -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "wrong", "field"),
    [
        ("service", {"title": ""}, "title"),
        ("service", {"summary": "x" * 301}, "summary"),
        ("service", {"email": "sam"}, "email"),
        ("service", {"contact": "nobody"}, "contact"),
        ("service", {"link": "javascript:alert(1)"}, "link"),
        ("service", {"link": "ftp://example.org/x"}, "link"),
        ("service", {"link": "https://bank.example.com@evil.example.net/"}, "link"),
        ("service", {"link": "data://text/html,x"}, "link"),
        ("service", {"sectors": ["nonsense"]}, "sectors"),
        ("service", {"regions": ["north-east\0"]}, "regions"),
        ("service", {"reader": "nobody"}, "reader"),
        ("resource", {"link": ""}, "link"),
        ("resource", {"format": "scroll"}, "format"),
        ("event", {"day": "tomorrow"}, "day"),
        ("event", {"day": "2020-01-01"}, "day"),
        ("event", {"day": "0001-01-01"}, "day"),
        ("event", {"day": "9999-12-31"}, "day"),
        ("event", {"begins": "25:00"}, "begins"),
        ("event", {"ends": "08:00"}, "ends"),
        ("event", {"last_day": "2021-01-01"}, "last_day"),
        ("case-study", {"nobody_known": ""}, "nobody_known"),
        ("case-study", {"families_agreed": ""}, "families_agreed"),
        ("case-study", {"body": ""}, "body"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_wrong_is_said_at_its_field(visitor, kind, wrong, field):
    response = offer(visitor, kind, **wrong)
    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert "Please check your answers" in response.content.decode()
    assert not Submission.objects.exists()


@pytest.mark.parametrize("kind", FORMS)
def test_ten_kilobytes_in_every_field_are_refused_with_one_sentence_each(visitor, kind):
    form = FORMS[kind]()
    filled = {name: "x" * 10_000 for name in form.fields if name not in {"website", "opened"}}
    response = offer(visitor, kind, **filled)
    assert response.status_code == 400
    errors = response.context["form"].errors
    assert {name for name in form.fields if name in TEXTS} <= set(errors)
    assert all(len(said) == 1 and len(said[0]) < 200 for said in errors.values())


@pytest.mark.parametrize("kind", FORMS)
def test_nul_bytes_are_refused(visitor, kind):
    form = FORMS[kind]()
    filled = {name: f"a\0{name}" for name in form.fields if name not in {"website", "opened"}}
    response = offer(visitor, kind, **filled)
    assert response.status_code == 400
    assert {name for name in form.fields if name in TEXTS} <= set(response.context["form"].errors)


# --- Hostile words -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMS)
def test_script_in_every_field_is_shown_as_text_everywhere(visitor, superuser_client, kind):
    filled = {name: f"{SCRIPT} {name} \"'&" for name in TEXTS if name in FORMS[kind]().fields}
    assert offer(visitor, kind, **filled).status_code == 200
    path = confirmation(mails()[0])
    pages = [visitor.get(path), visitor.post(path)]
    one = Submission.objects.get()
    edit = f"/admin/pages/{one.entry_id}/edit/"
    for address in ("/admin/hub/submissions/", f"/admin/hub/submissions/{one.pk}/", "/admin/", edit):
        pages.append(superuser_client.get(address))
    pages.append(superuser_client.get(f"/admin/pages/{one.entry_id}/view_draft/"))
    for page in pages:
        assert page.status_code == 200
        assert SCRIPT not in page.content.decode()
    body = one.entry.specific.body
    assert "<script" not in body
    assert all(mail.get_content_type() == "text/plain" for mail in mails())


def test_nothing_typed_reaches_a_header(visitor, superuser):
    evil = "Fine\r\nBcc: eve@example.org\r\n\r\nBuy this"
    assert offer(visitor, title=evil, name=evil, organisation=evil).status_code == 200
    one = Submission.objects.get()
    assert "\n" not in one.title + one.name + one.organisation
    visitor.post(confirmation(mails()[0]))
    assert mails()
    for mail in mails():
        assert mail["Bcc"] is None
        assert "\n" not in mail["Subject"]
        assert mail["To"] in {"sam@example.org", superuser.email}


def test_marks_that_turn_text_around_are_taken_out():
    assert one_line("abc\u202edef\u2066 \t\r\nghi\u200b\x07") == "abcdef ghi"
    assert many_lines("a\r\nb\u2028c\x1b[31m\ufeff") == "a\nb\nc[31m"
    assert paragraphs("<b>a</b>\nb\n\n\n  \nc & d") == "<p>&lt;b&gt;a&lt;/b&gt;<br/>b</p><p>c &amp; d</p>"
    assert paragraphs(" \n ") == ""


def test_title_of_marks_only_is_no_title(visitor):
    response = offer(visitor, title="\u202e\u200b ")
    assert list(response.context["form"].errors) == ["title"]


def test_token_is_kept_as_a_hash_only(visitor):
    offer(visitor)
    token = confirmation(mails()[0]).rstrip("/").rsplit("/", 1)[1]
    one = Submission.objects.get()
    assert len(token) == len(new_token()[0])
    assert token not in str(Submission.objects.filter(pk=one.pk).values())
