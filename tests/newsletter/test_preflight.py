"""The pre-flight: each check finds what it is for, says what to do, and costs the same whatever the issue's size."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.images import get_image_model
from wagtail.images.tests.utils import get_test_image_file
from wagtail.models import PageViewRestriction

from cms.models import CaseStudy, CheckedLink, Entry, Kind
from membership.audiences import assign_audiences
from membership.models import SavedSearch
from newsletter.inspections import mail
from newsletter.inspections.colours import contrast, weak_pairs
from newsletter.inspections.sender import aligned
from newsletter.models import Issue, Item, NewsletterSettings, SenderCheck
from newsletter.preflight import Finding, Level, links_of_drafts, links_to_check, preflight
from tests import factories

States = CheckedLink.State


@pytest.fixture(autouse=True)
def november(time_machine):
    time_machine.move_to("2026-11-02T09:00:00Z", tick=False)


def issue_of(*pages, **fields) -> Issue:
    fields = {"subject": "What is new in October", "preheader": "Four things for you.", **fields}
    return factories.issue(pages=list(pages), **fields)


def found(issue, code=None, **options) -> list[Finding]:
    return [one for one in preflight(Issue.objects.get(pk=issue.pk), **options) if code in (None, one.code)]


def only(issue, code, **options) -> Finding:
    (one,) = found(issue, code, **options)
    return one


def change(issue, place=0, **fields) -> Item:
    item = list(issue.items.all())[place]
    for name, value in fields.items():
        setattr(item, name, value)
    item.save()
    return item


def test_an_issue_in_good_order_has_no_errors_and_no_warnings(db):
    SenderCheck.objects.create(domain="ihop.example.org", found=[])
    issue = issue_of(factories.entry(title="A guide for midwives"), factories.entry(Kind.EVENT, title="A day in Leeds"))
    assert {one.level for one in found(issue)} <= {Level.NOTE}


def test_errors_come_first_and_every_finding_says_what_to_do(db):
    levels = [one.level for one in found(issue_of(subject="TODO", preheader=""))]
    assert levels == sorted(levels, key=list(Level).index)
    assert all(one.sentence.endswith(".") for one in found(issue_of(period="2026-09", subject="X" * 61)))


def test_a_changed_sentence_is_a_new_warning():
    one = Finding("a", Level.WARNING, "Two things.", "item:1")
    assert one.key != Finding("a", Level.WARNING, "Three things.", "item:1").key


class TestOpening:
    @pytest.mark.parametrize(
        ("fields", "code", "level"),
        [
            ({"subject": "A" + "b" * 60}, "subject-long", Level.WARNING),
            ({"subject": "NEWS FOR EVERYBODY"}, "subject-loud", Level.WARNING),
            ({"preheader": ""}, "preheader-empty", Level.WARNING),
            ({"preheader": "what is NEW in October"}, "preheader-same", Level.WARNING),
            ({"subject": "Act now for a grant"}, "spam", Level.WARNING),
            ({"subject": "Grants for you!"}, "spam", Level.WARNING),
            ({"subject": "News of October TBC"}, "placeholder", Level.WARNING),
            ({"introduction": "<p>Lorem <b>ipsum</b> dolor.</p>"}, "placeholder", Level.WARNING),
        ],
    )
    def test_finds(self, db, fields, code, level):
        assert only(issue_of(factories.entry(), **fields), code).level == level

    @pytest.mark.parametrize("subject", ["i-HOP", "NHS and HMPPS: what is new", "Winners of the todo list award"])
    def test_leaves_alone(self, db, subject):
        codes = {one.code for one in found(issue_of(factories.entry(), subject=subject))}
        assert not codes & {"subject-loud", "spam", "placeholder"}


class TestWords:
    @pytest.mark.parametrize(
        ("fields", "code", "level"),
        [
            ({"headline": "A" * 81}, "headline-long", Level.WARNING),
            ({"summary": "A" * 241}, "summary-long", Level.WARNING),
            ({"headline": "Free money for all"}, "spam", Level.WARNING),
            ({"headline": "Act!!!"}, "spam", Level.WARNING),
            ({"summary": "xxx"}, "placeholder", Level.WARNING),
        ],
    )
    def test_finds(self, db, fields, code, level):
        issue = issue_of(factories.entry())
        item = change(issue, **fields)
        one = only(issue, code)
        assert one.level == level
        assert one.item in {item.pk, None}

    def test_empty_ones(self, db):
        page = factories.entry()
        Entry.objects.filter(pk=page.pk).update(title="", summary="")
        issue = issue_of(page)
        assert only(issue, "headline-empty").level == Level.ERROR
        assert only(issue, "summary-empty").level == Level.WARNING

    def test_the_same_twice_and_nearly_the_same(self, db):
        issue = issue_of(
            factories.entry(title="Grants for family days", summary="Up to £3,000."),
            factories.entry(title="Grants for family days ", summary="Up to  £3,000."),
            factories.entry(title="Toolkit about prison visits for schools"),
            factories.entry(title="A toolkit about prison visits for your schools"),
            factories.entry(title="Toolkit about courts for nurseries"),
        )
        places = [item.pk for item in issue.items.all()]
        assert only(issue, "headline-repeated").item == places[1]
        assert only(issue, "summary-repeated").item == places[1]
        assert only(issue, "headline-alike").item == places[3]

    def test_two_items_with_one_address(self, db):
        issue = issue_of(
            factories.entry(link="https://example.org/a"),
            factories.entry(link="https://example.org/a/"),
            factories.entry(),
        )
        assert only(issue, "address-repeated").place == 1

    def test_what_is_left_out_is_not_judged(self, db):
        issue = issue_of(factories.entry(), factories.entry())
        change(issue, headline="A" * 81, left_out=True)
        assert not found(issue, "headline-long")


class TestEntries:
    def test_an_empty_issue(self, db):
        assert only(issue_of(), "empty").level == Level.ERROR

    def test_unpublished_and_deleted(self, db):
        hidden, gone = factories.entry(title="Hidden"), factories.entry(title="Gone")
        never = factories.entry(title="Never")
        issue = issue_of(hidden, gone, never, factories.entry())
        hidden.unpublish()
        Entry.objects.filter(pk=never.pk).update(live=False, first_published_at=None)
        gone.delete()
        sentences = [one.sentence for one in found(issue, "entry-unpublished")]
        assert ["has been unpublished" in sentences[0], "not been published yet" in sentences[1]] == [True, True]
        assert only(issue, "entry-deleted").level == Level.WARNING

    def test_over_and_stale_on_the_day_it_is_sent(self, db):
        event = factories.entry(Kind.EVENT, title="Day", starts_at=timezone.now() + timedelta(days=2))
        fund = factories.entry(Kind.FUNDING, title="Fund", deadline=date(2026, 11, 4))
        stale = factories.entry(title="Old", review_due=date(2026, 11, 4))
        issue = issue_of(event, fund, stale)
        assert [one.entry for one in found(issue, "entry-over")] == [event.pk, fund.pk]  # the usual day is the 5th
        assert only(issue, "entry-stale").entry == stale.pk
        early = date(2026, 11, 3)
        assert found(issue, "entry-over", day=early) == found(issue, "entry-stale", day=early) == []

    def test_private_ones(self, db):
        issue = issue_of(private := factories.entry(title="Private"), factories.entry(Kind.CASE_STUDY, title="Study"))
        PageViewRestriction.objects.create(page=private, restriction_type=PageViewRestriction.LOGIN)
        one = only(issue, "entry-private")
        assert (one.level, one.entry) == (Level.ERROR, private.pk)

    def test_a_case_study_for_another_group(self, db):
        issue = issue_of(study := factories.entry(Kind.CASE_STUDY))
        assert not found(issue, "entry-private")
        study.get_view_restrictions().get().groups.set([Group.objects.create(name="Somebody")])
        assert only(issue, "entry-private").level == Level.ERROR

    def test_a_case_study_nobody_checked(self, db):
        issue = issue_of(study := factories.entry(Kind.CASE_STUDY))
        assert not found(issue, "case-study-unchecked")
        CaseStudy.objects.filter(pk=study.pk).update(anonymity_checked_on=None)
        assert only(issue, "case-study-unchecked").level == Level.ERROR

    def test_what_this_draft_lacks(self, db):
        issue = issue_of(kept := factories.entry(title="Kept"), factories.entry(title="Lost"))
        draft = issue.get_latest_revision_as_object()
        draft.items.set([item for item in draft.items.all() if item.page_id == kept.pk])
        (one,) = [one for one in preflight(draft) if one.code == "item-missing"]
        assert one.sentence.startswith("“Lost” was compiled")


class TestPictures:
    @pytest.fixture
    def image(self, db, settings, tmp_path):
        settings.MEDIA_ROOT = tmp_path
        return get_image_model().objects.create(title="Hall", file=get_test_image_file())

    def test_every_image_says_what_it_shows(self, image):
        issue = issue_of(factories.entry())
        change(issue, image=image)
        assert only(issue, "image-alt").level == Level.ERROR
        change(issue, image=image, image_alt="A visits hall")
        assert not found(issue, "image-alt")
        assert not found(issue, "image-missing")

    def test_a_missing_file(self, image):
        issue = issue_of(factories.entry())
        change(issue, image=image, image_alt="A visits hall")
        image.file.storage.delete(image.file.name)
        assert only(issue, "image-missing").level == Level.WARNING


class TestLinks:
    URL = "https://example.org/guide"

    def look(self, issue, state, **fields):
        CheckedLink.objects.create(url=self.URL, state=state, **fields)
        return found(issue)

    @pytest.mark.parametrize(
        ("state", "code", "opening", "behind"),
        [
            (States.BROKEN, "link-broken", Level.ERROR, Level.WARNING),
            (States.UNCLEAR, "link-unclear", Level.WARNING, Level.NOTE),
            (States.REDIRECTED, "link-moved", Level.NOTE, Level.NOTE),
            (States.WAITING, "link-unchecked", Level.WARNING, Level.WARNING),
        ],
    )
    def test_a_link_in_the_opening_weighs_more(self, db, state, code, opening, behind):
        page = factories.entry(link=self.URL)
        CheckedLink.objects.create(url=self.URL, state=state, problem="Gone.", location="https://example.org/b")
        assert only(issue_of(page), code).level == behind
        introduction = f'<p><a href="{self.URL}#part">x</a></p>'
        assert only(issue_of(factories.entry(), period="2026-09", introduction=introduction), code).level == opening

    @pytest.mark.parametrize("fields", [{"state": States.WORKS}, {"state": States.BROKEN, "ignored": True}])
    def test_nothing_to_say(self, db, fields):
        CheckedLink.objects.create(url=self.URL, **fields)
        issue = issue_of(factories.entry(link=self.URL))
        assert not [one for one in found(issue) if one.code.startswith("link")]

    def test_announcements_count_as_opening(self, db):
        issue = issue_of(factories.entry())
        text = '<p><a href="https://example.org/in-text">x</a></p>'
        issue.announcements = [
            ("announcement", {"heading": "A", "text": text, "link": self.URL, "link_text": "Read"}),
            ("date", {"day": date(2026, 12, 4), "what": "Day", "link": "https://example.org/day"}),
        ]
        issue.save_revision()
        assert set(links_to_check(issue)) == {self.URL, "https://example.org/in-text", "https://example.org/day"}
        assert set(links_of_drafts()) == set(links_to_check(issue))
        CheckedLink.objects.create(url=self.URL, state=States.BROKEN, problem="Gone.")
        (one,) = [one for one in preflight(issue.get_latest_revision_as_object()) if one.code == "link-broken"]
        assert one.level == Level.ERROR

    def test_our_own_pages_are_looked_up(self, db, settings):
        page = factories.entry()
        there = f'<a href="{settings.SITE_URL}/directory/{page.slug}/">a</a><a linktype="page" id="{page.pk}">b</a>'
        assert not found(issue_of(page, introduction=there), "link-broken")
        missing = f'<a href="{settings.SITE_URL}/directory/none/">a</a><a linktype="page" id="999999">b</a>'
        broken = found(issue_of(factories.entry(), period="2026-09", introduction=missing), "link-broken")
        assert [one.level for one in broken] == [Level.ERROR, Level.ERROR]

    def test_links_of_frozen_issues_are_left_alone(self, db):
        factories.sent(issue_of(factories.entry(link=self.URL), live=True))
        assert links_of_drafts() == []


class TestMail:
    def test_what_mailboxes_cut_off_is_an_error(self, db):
        pages = [factories.entry(title=f"Guide number {number}", summary="é" * 300) for number in range(40)]
        issue = issue_of(*pages, introduction="<p>" + "word " * 3900 + "</p>")
        assert not found(issue, "unrenderable")
        chosen = NewsletterSettings.load()
        chosen.items_per_edition = 40
        chosen.save()
        assert "KB" in only(issue, "unrenderable").sentence
        assert only(issue, "unrenderable").level == Level.ERROR

    def test_what_is_nearly_cut_off_is_a_warning(self, db, monkeypatch):
        issue = issue_of(factories.entry())
        assert not found(issue, "mail-large")
        monkeypatch.setattr(mail, "NEARLY_FULL", 5_000)
        assert only(issue, "mail-large").level == Level.WARNING

    def test_a_subject_no_header_can_carry(self, db):
        assert only(issue_of(factories.entry(), subject="One\u2028two"), "unrenderable").level == Level.ERROR

    def test_the_template_is_readable_in_light_and_dark(self):
        assert weak_pairs() == ()

    def test_contrast_is_that_of_wcag(self):
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


class TestReach:
    def test_members_who_get_nothing(self, db):
        factories.subscription(sectors=["schools"], region_slug="london")
        factories.subscription(sectors=["health"])
        factories.subscription(sectors=["schools"], frequency="quarterly")
        assign_audiences()
        issue = issue_of(factories.entry(sectors=["health"]))
        assert only(issue, "members-without").sentence.startswith("One active member gets nothing")
        assert only(issue, "members-quarterly").level == Level.NOTE
        assert "Schools" in only(issue, "sectors-without").sentence

    def test_who_gets_something_by_a_saved_search_is_not_without(self, db):
        one = factories.subscription(sectors=["schools"], region_slug="london")
        SavedSearch.objects.create(member=one.member, query="sector=health", title="Health")
        assign_audiences()
        assert not found(issue_of(factories.entry(sectors=["health"])), "members-without")

    def test_items_that_reach_nobody(self, db):
        factories.subscription(sectors=["health"])
        assign_audiences()
        issue = issue_of(factories.entry(title="Yes"), factories.entry(title="No", sectors=["schools"]))
        assert only(issue, "item-without-readers").place == 1

    def test_without_members_there_is_nothing_to_say(self, db):
        codes = {one.code for one in found(issue_of(factories.entry(sectors=["schools"])))}
        assert not codes & {"members-without", "item-without-readers"}


class TestSender:
    def test_a_provider_set_up_for_another_domain(self, db, settings):
        settings.NEWS_FROM, settings.EMAIL_PROVIDER = "News <news@example.org>", "mailgun"
        settings.ANYMAIL = {"MAILGUN_SENDER_DOMAIN": "mg.example.org"}
        issue = issue_of(factories.entry())
        assert not found(issue, "sender-provider")
        settings.ANYMAIL = {"MAILGUN_SENDER_DOMAIN": "other.example"}
        assert only(issue, "sender-provider").level == Level.ERROR

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("a.org", "a.org", True),
            ("mg.a.org", "a.org", True),
            ("a.org", "mg.a.org", True),
            ("ba.org", "a.org", False),
        ],
    )
    def test_aligned(self, one, other, same):
        assert aligned(one, other) is same

    @pytest.mark.parametrize(("provider", "level"), [("file", Level.NOTE), ("smtp", Level.WARNING)])
    def test_what_the_domain_says(self, db, settings, provider, level):
        settings.NEWS_FROM, settings.EMAIL_PROVIDER = "News <news@example.org>", provider
        issue = issue_of(factories.entry())
        assert only(issue, "sender-unchecked").level == level
        kept = [
            {"name": "spf", "state": "good", "sentence": "Good."},
            {"name": "dkim", "state": "unknown", "sentence": "Name the selectors."},
            {"name": "dmarc", "state": "bad", "sentence": "Missing."},
        ]
        SenderCheck.objects.create(domain="example.org", found=kept)
        levels = {one.code: one.level for one in found(issue) if one.code.startswith("sender")}
        assert levels == {"sender-dkim": Level.NOTE, "sender-dmarc": level}


def correction(of: Issue, **fields) -> Issue:
    item = of.items.first()
    return factories.issue(
        f"{of.period}-c1", corrects=item, subject="Correction: a date", preheader="A new date.", **fields
    )


def test_a_correction_needs_only_its_words(db):
    issue = issue_of(factories.entry(), live=True)
    assert {one.level for one in found(correction(issue))} <= {Level.NOTE}


def test_a_correction_without_words(db):
    issue = issue_of(factories.entry(), live=True)
    assert only(correction(issue, introduction=""), "empty").level == Level.ERROR


def queries(size: int, period: str) -> int:
    """The number of queries for an issue of `size` items, with as many audiences, links and images."""
    image = get_image_model()(title="x", file=get_test_image_file())
    image.save()
    sectors = ["health", "schools", "prisons", "probation"]
    pages = []
    for number in range(size):
        kind = list(Kind)[number % len(Kind)]
        link = f"https://example.org/{period}/{number}"
        pages.append(factories.entry(kind, sectors=[sectors[number % 4]], link=link, body=f'<a href="{link}/b">b</a>'))
        factories.subscription(sectors=sectors[: number % 4 + 1], region_slug=["london", None][number % 2])
    introduction = "".join(f'<p><a linktype="page" id="{page.pk}">x</a></p>' for page in pages[:10])
    issue = issue_of(*pages, period=period, introduction=introduction)
    Item.objects.filter(issue=issue).update(image=image, image_alt="x")
    assign_audiences()
    draft = issue.save_revision().as_object()
    with CaptureQueriesContext(connection) as captured:
        preflight(draft)
    return len(captured)


def test_the_number_of_queries_does_not_grow(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    queries(2, "2026-07")  # some is read once in a process
    few = queries(8, "2026-08")
    assert queries(40, "2026-09") == few < 60
