"""The directory's links: gathered a slice at a time, followed once a week, and forgotten when nothing leads to them."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms import link_rounds, links, tasks
from cms.link_fetching import Answer, Verdict
from cms.models import CheckedLink, Consortium, Entry, StandardPage
from cms.site import consortia_page, home_page
from tests import factories

pytestmark = pytest.mark.django_db

States = CheckedLink.State
GUIDE = "https://example.org/guide"


@pytest.fixture(autouse=True)
def first_round(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


class Web:
    """Answers in place of the network, and remembers what it was asked for."""

    def __init__(self, verdict=Verdict.WORKS, status=200):
        self.asked = []
        self.verdict, self.status = verdict, status

    def __call__(self, url):
        self.asked.append(url)
        return Answer(self.verdict, self.status, problem="" if self.verdict == Verdict.WORKS else "Trouble.")


def known(url, *, ago=None, state=States.WORKS, **fields):
    """A link that was looked at so many days ago."""
    at = None if ago is None else timezone.now() - timedelta(days=ago)
    return CheckedLink.objects.create(url=url, state=state, checked_at=at, **fields)


class TestRounds:
    def test_follow_every_link_of_every_live_entry_once(self):
        factories.entry(link=GUIDE, body='<p><a href="https://example.org/more?a=1&amp;b=2">more</a></p>')
        factories.entry(link=f"{GUIDE}#part")
        factories.entry(link="https://example.org/draft", live=False)
        web = Web()
        assert link_rounds.check_slice(fetch=web) == 2
        assert sorted(web.asked) == [GUIDE, "https://example.org/more?a=1&b=2"]
        assert link_rounds.check_slice(fetch=web) == 0

    def test_pages_around_the_directory_come_with_the_first_entries_and_are_named(self):
        consortium = Consortium(title="Wear", summary="Together.", lead_partner="Sample Trust", link=GUIDE)
        consortia_page().add_child(instance=consortium)
        text = StandardPage(title="Our work", body='<p><a href="https://example.org/more">more</a></p>')
        home_page().add_child(instance=text)
        hidden = StandardPage(title="Draft", body='<p><a href="https://example.org/draft">more</a></p>', live=False)
        home_page().add_child(instance=hidden)
        web = Web(Verdict.GONE, 404)
        link_rounds.check_slice(fetch=web)
        assert {GUIDE, "https://example.org/more"} <= set(web.asked)
        assert "https://example.org/draft" not in web.asked
        held = link_rounds.holders(list(CheckedLink.objects.all()))
        assert [page.title for page in held[GUIDE]] == ["Wear"]
        assert [page.title for page in held["https://example.org/more"]] == ["Our work"]

    def test_go_through_the_entries_slice_by_slice_and_begin_anew(self, monkeypatch):
        monkeypatch.setattr(link_rounds, "ENTRIES", 2)
        for number in range(5):
            factories.entry(link=f"https://example.org/{number}")
        web = Web()
        assert [link_rounds.check_slice(fetch=web) for _ in range(4)] == [2, 2, 1, 0]
        CheckedLink.objects.update(checked_at=timezone.now() - timedelta(days=8))
        assert link_rounds.check_slice(fetch=web) == 2

    def test_stay_with_a_slice_until_it_is_done(self, monkeypatch):
        monkeypatch.setattr(link_rounds, "ENTRIES", 3)
        for number in range(4):
            factories.entry(link=f"https://example.org/{number}")
        web = Web()
        assert [link_rounds.check_slice(fetch=web, at_most=2) for _ in range(3)] == [2, 1, 1]
        assert sorted(web.asked) == [f"https://example.org/{number}" for number in range(4)]

    def test_losing_the_place_costs_nothing(self, monkeypatch):
        monkeypatch.setattr(link_rounds, "ENTRIES", 1)
        for number in range(2):
            factories.entry(link=f"https://example.org/{number}")
        web = Web()
        link_rounds.check_slice(fetch=web)
        cache.clear()
        assert [link_rounds.check_slice(fetch=web) for _ in range(2)] == [0, 1]
        assert len(web.asked) == 2

    def test_what_a_draft_of_the_e_news_had_followed_is_left_alone(self):
        factories.entry(link=GUIDE)
        known(GUIDE, ago=2)
        assert link_rounds.check_slice(fetch=Web()) == 0

    def test_a_failure_is_tried_again_wherever_the_round_is(self):
        known("https://example.org/in-doubt", ago=1, state=States.UNCLEAR, failures=1)
        web = Web(Verdict.TROUBLE, 503)
        assert link_rounds.check_slice(fetch=web) == 1
        assert CheckedLink.objects.get().state == States.BROKEN

    def test_ignored_links_are_left_alone(self):
        factories.entry(link=GUIDE)
        known(GUIDE, ago=30, state=States.BROKEN, ignored=True)
        assert link_rounds.check_slice(fetch=Web()) == 0

    def test_take_as_many_queries_however_many_entries_there_are(self):
        def queries(number):
            for place in range(number):
                factories.entry(link=f"https://example.org/{number}/{place}")
            known_by_now = [link for entry in Entry.objects.all() for link in links.links_in(entry)]
            links.check(known_by_now, fetch=Web())
            with CaptureQueriesContext(connection) as captured:
                link_rounds.check_slice(fetch=Web())
            return len(captured)

        assert queries(2) == queries(9)


class TestForgetting:
    @pytest.mark.parametrize(
        ("ago", "fields", "kept"),
        [
            (55, {}, True),
            (57, {}, False),
            (57, {"state": States.BROKEN}, False),
            (364, {"ignored": True}, True),
            (366, {"ignored": True}, False),
            (None, {"state": States.WAITING}, True),
        ],
    )
    def test_what_nothing_has_led_to_for_eight_weeks_goes(self, ago, fields, kept):
        known(GUIDE, ago=ago, **fields)
        assert link_rounds.forget_unused() == int(not kept)
        assert CheckedLink.objects.exists() == kept

    def test_the_task_checks_first_so_that_links_in_use_stay(self, monkeypatch):
        factories.entry(link=GUIDE)
        known(GUIDE, ago=80)
        known("https://example.org/old", ago=80)
        monkeypatch.setattr(links, "check", lambda urls, **options: [links.record(one, Web()("")) for one in
                                                                     links.known(urls).values()])  # fmt: skip
        tasks.check_links()
        assert [link.url for link in CheckedLink.objects.all()] == [GUIDE]


class TestHolders:
    def test_are_the_live_entries_that_lead_there(self):
        one = factories.entry(title="One", link=f"{GUIDE}#part")
        two = factories.entry(title="Two", body=f'<p><a href="{GUIDE}?a=1&amp;b=2">x</a><a href="{GUIDE}">y</a></p>')
        factories.entry(title="Longer", link=f"{GUIDE}-and-more")
        factories.entry(title="Draft", link=GUIDE, live=False)
        first, second, third = known(GUIDE), known(f"{GUIDE}?a=1&b=2"), known("https://example.org/none")
        link_rounds.note_holders({entry.pk: links.links_in(entry) for entry in Entry.objects.all()})
        held = link_rounds.holders([first, second, third])
        assert {url: [entry.pk for entry in entries] for url, entries in held.items()} == {
            GUIDE: [one.pk, two.pk],
            f"{GUIDE}?a=1&b=2": [two.pk],
            "https://example.org/none": [],
        }

    def test_are_forgotten_when_an_entry_leads_elsewhere(self):
        entry, first = factories.entry(link=GUIDE), known(GUIDE)
        link_rounds.note_holders({entry.pk: [GUIDE]})
        entry.link = "https://example.org/other"
        entry.save()
        assert link_rounds.holders([first]) == {GUIDE: []}
        link_rounds.note_holders({entry.pk: links.links_in(entry)})
        assert not first.entries.exists()

    def test_are_found_in_five_queries(self, django_assert_num_queries):
        found = [known(f"{GUIDE}/{number}") for number in range(5)]
        for number in range(5):
            link_rounds.note_holders({factories.entry(link=f"{GUIDE}/{number}").pk: [f"{GUIDE}/{number}"]})
        with django_assert_num_queries(5):
            assert all(link_rounds.holders(found).values())
