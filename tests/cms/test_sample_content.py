"""The sample content: enough of everything, the same each time, and nobody's real address."""

import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from django.utils import timezone

import cms
from cms.models import CaseStudy, Enquiry, Entry, Kind, Message, Region, Sector, StandardPage, Submission
from cms.sample_content import load_entries, load_pages, make_entries
from cms.sample_desk import load_desk
from cms.submission_forms import FORMS

FILES = sorted((Path(cms.__file__).parent / "sample").glob("*.json"))
NEWEST = date(2026, 10, 31)


@pytest.fixture
def sample(db):
    """The sample as it looks on 22 November 2026."""
    with time_machine.travel("2026-11-22 12:00+00:00"):
        return load_entries(NEWEST)


def facts():
    """What two loads must agree on, without the numbers that a database gives."""
    return {
        page.slug: (
            page.title,
            page.kind,
            page.first_published_at,
            page.key_date,
            page.expires_on,
            page.review_due,
            page.body,
            sorted(sector.slug for sector in page.sectors.all()),
            sorted(region.slug for region in page.regions.all()),
        )
        for page in Entry.objects.with_terms()
    }


def test_sample_has_enough_of_everything(sample):
    assert sample == Entry.objects.live().count() >= 60
    assert all(count >= 4 for count in Counter(Entry.objects.values_list("kind", flat=True)).values())
    assert set(Entry.objects.values_list("kind", flat=True)) == set(Kind.values)
    assert not Sector.objects.filter(entries=None).exists()
    assert not Region.objects.filter(entries=None).exists()
    assert Entry.objects.filter(sectors=None).exists(), "something for everyone"
    assert Entry.objects.filter(regions=None).exists(), "something national"
    months = {
        timezone.localtime(at).strftime("%Y-%m") for at in Entry.objects.values_list("first_published_at", flat=True)
    }
    assert months == {"2026-07", "2026-08", "2026-09", "2026-10"}
    assert all(case.anonymity_checked for case in CaseStudy.objects.all())
    today = date(2026, 11, 22)
    assert Entry.objects.upcoming(today).exists()
    assert Entry.objects.current(today).count() < sample, "something past or due for review"


def test_second_load_adds_none_and_a_fresh_one_is_the_same(sample):
    first = facts()
    with time_machine.travel("2026-11-22 12:00+00:00"):
        assert load_entries(NEWEST) == 0
        assert facts() == first
        Entry.objects.all().delete()
        assert load_entries(NEWEST) == sample
    assert facts() == first


@pytest.mark.django_db
def test_pages_load_once():
    load_pages()
    pages = list(StandardPage.objects.values_list("slug", "body"))
    assert {"about", "privacy", "accessibility"} <= {slug for slug, _ in pages}
    load_pages()
    assert list(StandardPage.objects.values_list("slug", "body")) == pages


@pytest.mark.django_db
def test_further_entries_can_be_made_twice():
    assert make_entries(10) == 10
    assert make_entries(10) == 10
    assert Entry.objects.count() == 20
    assert Entry.objects.filter(review_due__lt=timezone.localdate() - timedelta(days=200)).count() == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_sample_names_no_real_address(file):
    text = file.read_text()
    hosts = [urlsplit(link).hostname or "" for link in re.findall(r"https?://[^\s\"'<>\\]+", text)]
    hosts += re.findall(r"[\w.+-]+@([\w.-]+\w)", text)
    hosts += re.findall(r"\bwww\.[\w.-]+\w", text)
    assert [host for host in hosts if host != "example.org" and not host.endswith(".example.org")] == []


def test_sample_files_are_there():
    assert {file.stem for file in FILES} >= set(Kind.values)


def test_the_desk_has_something_to_do_and_is_filled_once(sample):
    load_desk()
    offers = list(Submission.objects.all())
    assert {offer.state for offer in offers} == {Submission.State.WAITING}
    for offer in offers:
        assert offer.entry
        assert not offer.entry.live
        assert set(offer.words) <= set(FORMS[offer.kind].base_fields), "as its form would have kept it"
    assert Message.objects.exclude(entry=None).exists()
    assert Enquiry.objects.exclude(sector=None).exists()
    assert load_desk() == 0
    assert Submission.objects.count() == len(offers)
