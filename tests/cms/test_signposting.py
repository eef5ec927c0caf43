"""Signposting: an adviser picks entries, and sends or prints them once; nothing about the enquirer stays behind."""

import logging

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cms.addresses import address_hash
from cms.models import Enquiry, Kind, Topic
from cms.shortlist import MOST
from cms.signposting import SUBJECT
from membership.models import Suppression
from tests.cms.privacy import put_away
from tests.factories import entry, region, sector
from tests.membership.staffing import adviser, browser

pytestmark = pytest.mark.django_db
PAGE = "/admin/hub/signposting/"
ADDRESS = "enquirer-zq81@example.org"
NOTE = "Marker-zq82: as we said on the telephone."


@pytest.fixture(autouse=True)
def fresh_limits():
    cache.clear()


@pytest.fixture
def desk():
    return adviser()


@pytest.fixture
def service(db):
    return entry(
        Kind.SERVICE,
        title="Overseas Prisoners Line",
        phone="01632 960001",
        area="England",
        cost="Free",
        link="https://service.example.org/",
        regions=["north-east"],
    )


def press(browser_, act, **fields):
    """What the browser sends: the key of the list as the page showed it, unless told otherwise."""
    key = browser_.session.get("signposting", {}).get("key", "")
    return browser_.post(PAGE, {"key": key, "act": act, **fields})


def pick(browser_, *entries):
    for one in entries:
        press(browser_, f"add:{one.pk}")


def send(browser_, django_capture_on_commit_callbacks, **fields):
    with django_capture_on_commit_callbacks(execute=True):
        return press(browser_, "send", **{"address": ADDRESS, "note": NOTE, **fields})


def titles(browser_):
    return [one.title for one in browser_.get(PAGE).context["entries"]]


# --- Finding and picking ------------------------------------------------------------------------


def test_what_is_behind_page_privacy_is_neither_picked_nor_kept(desk, service):
    other = entry(title="Hidden before it was picked")
    put_away(other)
    pick(desk, service, other)
    assert titles(desk) == [service.title]
    put_away(service)
    assert titles(desk) == []


def test_words_and_facets_find_live_entries(desk, service):
    entry(Kind.SERVICE, title="Overseas draft", live=False)
    entry(Kind.RESOURCE, title="Overseas book")
    found = press(desk, "search", q="overseas", kind="service", region="north-east", sector="health")
    assert [one.title for one in found.context["results"].page] == ["Overseas Prisoners Line"]
    assert "1 entry matches" in found.content.decode()


def test_nothing_is_searched_before_it_is_asked_for(desk, service):
    assert desk.get(PAGE).context["results"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"q": "x" * 10_000},
        {"q": "\0' OR 1=1 -- * NEAR(", "kind": "nothing", "region": "nowhere", "sector": "'"},
        {"act": "page:999999"},
        {"act": "page:-1"},
        {"act": "add:99999999999999999999"},
        {"act": "remove:x"},
        {"act": "dance"},
    ],
    ids=["long", "operators", "far-page", "negative-page", "huge-id", "no-id", "unknown-act"],
)
def test_hostile_searches_give_a_clean_page(desk, service, fields):
    assert desk.post(PAGE, {"searched": "1", **fields}).status_code == 200


def test_list_keeps_its_order_and_can_be_changed(desk, service):
    book, fund = entry(Kind.RESOURCE, title="Book"), entry(Kind.FUNDING, title="Fund")
    pick(desk, service, book, fund, book)
    assert titles(desk) == ["Overseas Prisoners Line", "Book", "Fund"]
    press(desk, f"up:{fund.pk}")
    press(desk, f"down:{service.pk}")
    press(desk, f"up:{fund.pk}")
    assert titles(desk) == ["Fund", "Overseas Prisoners Line", "Book"]
    press(desk, f"remove:{service.pk}")
    assert titles(desk) == ["Fund", "Book"]


def test_list_ends_at_twenty(desk):
    entries = [entry(title=f"Number {place}") for place in range(MOST + 1)]
    pick(desk, *entries)
    answer = press(desk, f"add:{entries[-1].pk}")
    assert len(answer.context["entries"]) == MOST
    assert "Take one off to add another." in answer.content.decode()


def test_drafts_are_not_added_and_what_is_taken_down_leaves_the_list(desk, service):
    draft = entry(title="Draft", live=False)
    pick(desk, draft, service)
    assert titles(desk) == ["Overseas Prisoners Line"]
    service.unpublish()
    assert titles(desk) == []


def test_what_was_typed_survives_adding_and_the_focus_stays_by_the_row(desk, service):
    page = press(desk, f"add:{service.pk}", q="overseas", searched="1", note=NOTE, address=ADDRESS).content.decode()
    assert NOTE in page
    assert ADDRESS in page
    row = page[page.index(f'id="found-{service.pk}"') :]
    assert "autofocus" in row[: row.index(">")]


def test_queries_do_not_grow_with_the_list_or_the_directory(desk, service):
    def count():
        with CaptureQueriesContext(connection) as queries:
            assert press(desk, "search", q="number", searched="1").status_code == 200
        return len(queries)

    pick(desk, *[entry(title=f"Number {place}") for place in range(2)])
    count()
    few = count()
    pick(desk, *[entry(title=f"Number {place}") for place in range(2, 15)])
    assert count() == few


# --- Seeing, sending, printing ------------------------------------------------------------------


def test_preview_shows_the_mail_that_is_sent(desk, service, mailoutbox, django_capture_on_commit_callbacks):
    pick(desk, service)
    seen = press(desk, "preview", note=NOTE).context["letter"]
    assert not Enquiry.objects.exists()
    send(desk, django_capture_on_commit_callbacks)
    [mail] = mailoutbox
    assert mail.body == seen.text
    assert [(part.content, part.mimetype) for part in mail.alternatives] == [(seen.html, "text/html")]


def test_preview_cannot_break_out_of_its_frame(desk, service):
    pick(desk, service)
    page = press(desk, "preview", note='"><script>alert(1)</script></pre>').content.decode()
    assert "<script>alert(1)" not in page
    assert "&amp;lt;script&amp;gt;" in page  # escaped in the mail, and the mail again in the frame


def test_mail_says_what_is_needed_and_follows_nobody(
    desk, service, mailoutbox, settings, django_capture_on_commit_callbacks
):
    pick(desk, service, entry(Kind.CASE_STUDY, title="A nursery that asked", setting="Secret setting"))
    assert send(desk, django_capture_on_commit_callbacks, address=f" {ADDRESS.upper()} ").status_code == 302
    [mail] = mailoutbox
    assert (mail.to, mail.subject, mail.reply_to) == ([ADDRESS], SUBJECT, [settings.TEAM_EMAIL])
    assert mail.from_email == settings.ACCOUNTS_FROM
    assert not mail.cc
    assert not mail.bcc
    for body in (mail.body, mail.alternatives[0].content):
        for words in (
            "Overseas Prisoners Line",
            "What Overseas Prisoners Line offers.",
            "01632 960001",
            "https://service.example.org/",
            f"{settings.SITE_URL}/directory/{service.slug}/",
            settings.HELPLINE["number"],
            "A nursery that asked",
            "for members",
            NOTE,
        ):
            assert words in body
        assert "Secret setting" not in body
        assert "What A nursery that asked offers" not in body
        assert ADDRESS not in body
        assert "<img" not in body


def test_one_enquiry_is_counted_without_the_enquirer(desk, service, django_capture_on_commit_callbacks):
    pick(desk, service)
    topics = list(Topic.objects.all()[:2])
    send(
        desk,
        django_capture_on_commit_callbacks,
        for_sector=sector("health").pk,
        for_region=region("london").pk,
        topics=[topic.pk for topic in topics],
    )
    enquiry = Enquiry.objects.get()
    assert (enquiry.adviser, enquiry.sector.slug, enquiry.region.slug) == (desk.user, "health", "london")
    assert list(enquiry.topics.all()) == topics
    assert [one.pk for one in enquiry.entries.all()] == [service.pk]
    assert enquiry.answered == Enquiry.Answered.EMAIL
    assert titles(desk) == []


def test_second_click_sends_and_counts_nothing(desk, service, mailoutbox, django_capture_on_commit_callbacks):
    pick(desk, service)
    key = desk.session["signposting"]["key"]
    send(desk, django_capture_on_commit_callbacks, key=key)
    again = send(desk, django_capture_on_commit_callbacks, key=key)
    assert again.status_code == 302
    assert "nothing was sent or counted again" in desk.get(PAGE).content.decode()
    assert (len(mailoutbox), Enquiry.objects.count()) == (1, 1)


def test_second_click_at_the_same_moment_is_refused(desk, service, mailoutbox, django_capture_on_commit_callbacks):
    """Both requests have read the session before either writes it."""
    from cms.signposting import AlreadyAnswered, answer

    pick(desk, service)
    first, second = desk.session, desk.session
    key = first["signposting"]["key"]
    second.get("signposting")
    said = {"adviser_id": desk.user.pk, "sector": None, "region": None, "topics": [], "note": "", "address": ADDRESS}
    with django_capture_on_commit_callbacks(execute=True):
        answer(session=first, key=key, **said)
        with pytest.raises(AlreadyAnswered):
            answer(session=second, key=key, **said)
    assert (len(mailoutbox), Enquiry.objects.count()) == (1, 1)


def test_list_changed_in_another_window_is_not_sent_unseen(desk, service, django_capture_on_commit_callbacks):
    pick(desk, service)
    seen = desk.session["signposting"]["key"]
    pick(desk, entry(title="Added elsewhere"))
    answer = send(desk, django_capture_on_commit_callbacks, key=seen)
    assert answer.status_code == 400
    assert "The list has changed" in answer.content.decode()
    assert NOTE in answer.content.decode()
    assert not Enquiry.objects.exists()


def test_printing_gives_a_page_with_the_same_words_and_counts_once(desk, service, mailoutbox):
    pick(desk, service)
    key = desk.session["signposting"]["key"]
    sheet = press(desk, "print", note=NOTE, address=ADDRESS).content.decode()
    for words in ("Overseas Prisoners Line", "01632 960001", "https://service.example.org/", "Marker-zq82"):
        assert words in sheet
    assert ADDRESS not in sheet
    assert press(desk, "print", key=key).status_code == 302
    assert Enquiry.objects.get().answered == Enquiry.Answered.PRINT
    assert mailoutbox == []


def test_address_that_must_not_be_mailed_is_said_plainly(desk, service, mailoutbox, django_capture_on_commit_callbacks):
    Suppression.objects.create(address_hash=address_hash(ADDRESS), reason=Suppression.Reason.BOUNCED)
    pick(desk, service)
    answer = send(desk, django_capture_on_commit_callbacks)
    assert "This address must not be mailed. Print the list, or read it out instead." in answer.content.decode()
    assert mailoutbox == []
    assert not Enquiry.objects.exists()
    assert titles(desk) == ["Overseas Prisoners Line"]


@pytest.mark.parametrize(
    "fields",
    [
        {"address": ""},
        {"address": "one@example.org, two@example.org"},
        {"address": "one@example.org\r\nBcc: two@example.org"},
        {"note": "x" * 1001},
        {"for_sector": "no-number"},
        {"topics": ["999999"]},
    ],
    ids=["no-address", "two-addresses", "header", "long-note", "sector", "topic"],
)
def test_wrong_answers_are_refused_and_nothing_is_lost(
    desk, service, mailoutbox, fields, django_capture_on_commit_callbacks
):
    pick(desk, service)
    assert send(desk, django_capture_on_commit_callbacks, **fields).status_code == 400
    assert mailoutbox == []
    assert not Enquiry.objects.exists()
    assert titles(desk) == ["Overseas Prisoners Line"]


def test_empty_list_is_not_sent(desk, mailoutbox, django_capture_on_commit_callbacks):
    desk.get(PAGE)
    answer = send(desk, django_capture_on_commit_callbacks)
    assert "Add at least one entry to the list first." in answer.content.decode()
    assert mailoutbox == []


def test_too_many_mails_of_one_adviser_are_held(
    desk, service, settings, mailoutbox, django_capture_on_commit_callbacks
):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "signpost": "1/h/key"}
    pick(desk, service)
    send(desk, django_capture_on_commit_callbacks)
    pick(desk, service)
    assert send(desk, django_capture_on_commit_callbacks).status_code == 429
    assert len(mailoutbox) == 1
    assert press(desk, "print").status_code == 200  # paper has no limit


def test_nothing_of_the_enquirer_stays_behind(desk, service, caplog, django_capture_on_commit_callbacks):
    caplog.set_level(logging.DEBUG)
    pick(desk, service)
    press(desk, "preview", note=NOTE, address=ADDRESS)
    press(desk, f"up:{service.pk}", note=NOTE, address=ADDRESS)
    send(desk, django_capture_on_commit_callbacks)
    pick(desk, service)
    press(desk, "print", note=NOTE, address=ADDRESS)
    assert Enquiry.objects.count() == 2
    marks = ("zq81", "zq82")
    for model in apps.get_models(include_auto_created=True):
        rows = str(list(model._base_manager.values_list()))
        assert not [mark for mark in marks if mark in rows], model
    assert not [mark for mark in marks if mark in str(dict(desk.session.items()))]
    ours = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert not [mark for mark in marks for record in ours if mark in record.getMessage()]


# --- Who may ------------------------------------------------------------------------------------


def test_adviser_sees_these_two_items_of_the_hub_only(desk):
    home = desk.get("/admin/").content.decode()
    assert reverse("hub_signposting") in home
    assert desk.get(PAGE).status_code == 200
    from cms.desk.menu import hub_menu

    request = desk.get(PAGE).wsgi_request
    shown = [item.label for item in hub_menu().menu.menu_items_for_request(request)]
    assert shown == ["Signposting", "What was asked"]


@pytest.mark.parametrize("name", ["hub_submissions", "hub_messages", "hub_care", "hub_links", "hub_searches"])
def test_adviser_cannot_open_the_other_pages(desk, name):
    from django.urls import NoReverseMatch

    try:
        address = reverse(name)
    except NoReverseMatch:
        pytest.skip("there is no such page yet")
    assert desk.get(address).status_code in {302, 403}


def test_authors_and_strangers_cannot_signpost(member_client):
    assert browser("Author").get(PAGE).status_code in {302, 403}
    assert member_client.get(PAGE).status_code in {302, 403}
    assert Client().get(PAGE).status_code == 302
