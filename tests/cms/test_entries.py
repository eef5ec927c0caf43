"""The eight kinds: what each shows, what follows from its own fields, and what is refused."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from cms.models import AgeGroup, CaseStudy, Entry, Event, Kind, Region, Resource, Sector, Topic
from cms.site import directory_page, ensure_site
from tests.cms.forms import entry_form
from tests.factories import UserFactory, entry

pytestmark = pytest.mark.django_db


def utc(*moment):
    return datetime(*moment, tzinfo=UTC)


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_can_be_created_and_shown(kind, member_client):
    page = entry(kind, title="Something of use", body="<p>All about it.</p>", sectors=["health"])
    response = member_client.get(page.url)
    assert response.status_code == 200
    text = response.content.decode()
    assert all(words in text for words in ("Something of use", "All about it.", str(kind.label), "Health"))


@pytest.mark.parametrize("kind", Kind)
def test_kind_follows_from_the_model(kind):
    assert Entry.objects.get(pk=entry(kind).pk).kind == kind


def test_base_entry_cannot_be_created_by_editors():
    creatable = directory_page().creatable_subpage_models()
    assert Entry not in creatable
    assert Resource in creatable


# --- What follows from an entry's own fields -----------------------------------------------------


def test_event_day_is_the_local_day_of_its_start_and_it_expires_on_its_last_day():
    page = entry(Kind.EVENT, starts_at=utc(2027, 7, 1, 23, 30), ends_at=utc(2027, 7, 3, 23, 15))
    shared = Entry.objects.get(pk=page.pk)
    assert shared.key_date == date(2027, 7, 2)  # half past midnight, British Summer Time
    assert shared.expires_on == date(2027, 7, 4)


def test_event_without_an_end_expires_on_its_day():
    shared = Entry.objects.get(pk=entry(Kind.EVENT, starts_at=utc(2027, 1, 5, 9)).pk)
    assert shared.key_date == shared.expires_on == date(2027, 1, 5)


def test_deadline_fills_and_empties_the_shared_dates():
    page = entry(Kind.FUNDING, deadline=date(2027, 3, 31))
    shared = Entry.objects.get(pk=page.pk)
    assert shared.key_date == shared.expires_on == date(2027, 3, 31)
    page.deadline = None
    page.save()
    shared.refresh_from_db()
    assert shared.key_date is None
    assert shared.expires_on is None


def test_publishing_a_revision_derives_again():
    page = entry(Kind.EVENT, starts_at=utc(2027, 1, 5, 9))
    page.starts_at = utc(2027, 7, 1, 23, 30)
    revision = page.save_revision()
    assert Entry.objects.get(pk=page.pk).key_date == date(2027, 1, 5), "a draft must not show"
    revision.publish()
    shared = Entry.objects.get(pk=page.pk)
    assert (shared.kind, shared.key_date, shared.expires_on) == ("event", date(2027, 7, 2), date(2027, 7, 2))


def test_review_is_due_in_six_months():
    with time_machine.travel(utc(2026, 6, 30, 23, 30)):  # already 1 July in London
        assert Resource(title="New").review_due == date(2026, 12, 31)


def test_entry_is_stale_only_after_its_review_day():
    page = Resource(title="Old", review_due=date(2026, 5, 1))
    assert not page.is_stale(date(2026, 5, 1))
    assert page.is_stale(date(2026, 5, 2))


def test_stale_entry_says_so(client):
    warning = "due to be checked again"
    assert warning not in client.get(entry().url).content.decode()
    stale = entry(review_due=timezone.localdate() - timedelta(days=1))
    assert warning in client.get(stale.url).content.decode()


def test_announced_on_first_publication_then_on_the_significant_update():
    assert Resource(title="Draft").announced_on is None
    page = entry(published=utc(2026, 6, 30, 23, 30))
    assert page.announced_on == date(2026, 7, 1)
    page.significant_update_on = date(2026, 9, 4)
    assert page.announced_on == date(2026, 9, 4)


def test_event_cannot_end_before_it_starts():
    with pytest.raises(ValidationError) as refused:
        entry(Kind.EVENT, starts_at=utc(2027, 1, 5, 9), ends_at=utc(2027, 1, 5, 8, 59))
    assert list(refused.value.message_dict) == ["ends_at"]
    assert not Event.objects.exists()
    entry(Kind.EVENT, starts_at=utc(2027, 1, 5, 9), ends_at=utc(2027, 1, 5, 9))
    assert Event.objects.exists()


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (utc(2026, 7, 3, 9), utc(2026, 7, 3, 15), "Friday 3 July 2026, 10am to 4pm"),
        (utc(2026, 12, 4, 10), utc(2026, 12, 4, 16), "Friday 4 December 2026, 10am to 4pm"),
        (utc(2026, 7, 3, 8, 30), None, "Friday 3 July 2026, 9:30am"),
        (
            utc(2026, 10, 24, 22),
            utc(2026, 10, 25, 10, 15),
            "Saturday 24 October 2026, 11pm to Sunday 25 October 2026, 10:15am",
        ),
        (
            utc(2026, 3, 28, 23),
            utc(2026, 3, 29, 9),
            "Saturday 28 March 2026, 11pm to Sunday 29 March 2026, 10am",
        ),
    ],
    ids=["summer", "winter", "no end", "over the end of summer time", "over its beginning"],
)
def test_event_tells_its_time_as_the_clock_on_the_wall_does(start, end, words):
    assert Event(title="Day", starts_at=start, ends_at=end, place="Leeds").when() == words


# --- Case studies --------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["anonymity_checked_by", "anonymity_checked_on"])
def test_case_study_needs_anonymity_check(missing):
    with pytest.raises(ValidationError, match="anonymity"):
        entry(Kind.CASE_STUDY, **{missing: None})
    assert not CaseStudy.objects.exists()


@pytest.mark.parametrize("missing", ["anonymity_checked_by", "anonymity_checked_on"])
def test_case_study_revision_without_anonymity_check_cannot_be_published(missing):
    page = entry(Kind.CASE_STUDY, live=False)
    page.anonymity_checked_by, page.anonymity_checked_on = UserFactory(), date(2026, 10, 1)
    setattr(page, missing, None)
    revision = page.save_revision()
    with pytest.raises(ValidationError, match="anonymity"):
        revision.publish()
    assert not CaseStudy.objects.get(pk=page.pk).live


def _post_case_study(client, action, **fields):
    address = reverse("wagtailadmin_pages:add", args=["cms", "casestudy", directory_page().pk])
    return client.post(
        address, entry_form("A nursery", setting="A nursery", **fields) | ({action: "1"} if action else {})
    )


@pytest.mark.parametrize("action", ["action-publish", "action-submit"])
@pytest.mark.parametrize("missing", ["anonymity_checked_by", "anonymity_checked_on"])
def test_admin_form_refuses_to_publish_a_case_study_without_anonymity_check(
    superuser, superuser_client, action, missing
):
    check = {"anonymity_checked_by": superuser.pk, "anonymity_checked_on": "2026-10-01"}
    response = _post_case_study(superuser_client, action, **check | {missing: ""})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [missing]
    assert not CaseStudy.objects.exists()


def test_admin_form_publishes_a_checked_case_study(superuser, superuser_client):
    check = {"anonymity_checked_by": superuser.pk, "anonymity_checked_on": "2026-10-01"}
    assert _post_case_study(superuser_client, "action-publish", **check).status_code == 302
    page = CaseStudy.objects.get()
    assert page.live
    assert page.anonymity_checked_by == superuser


def test_admin_form_keeps_a_draft_of_a_case_study_that_nobody_has_checked_yet(superuser_client):
    response = _post_case_study(superuser_client, "")
    assert response.status_code == 302, response.context["form"].errors
    assert not CaseStudy.objects.get().live


# --- Taxonomies and reads ------------------------------------------------------------------------


def test_taxonomies_are_there_from_the_start():
    assert list(Sector.objects.values_list("slug", flat=True)) == [
        "prisons",
        "probation",
        "police-courts",
        "health",
        "early-years",
        "schools",
        "social-care",
        "voluntary",
        "policy-research",
    ]
    assert (Region.objects.count(), AgeGroup.objects.count()) == (9, 5)
    assert Topic.objects.filter(slug="visits").exists()


def test_preparing_the_site_again_leaves_the_editors_words_alone():
    Sector.objects.filter(slug="policy-research").delete()
    Region.objects.filter(slug="london").update(name="Greater London")
    ensure_site()
    assert not Sector.objects.filter(slug="policy-research").exists()
    assert Region.objects.get(slug="london").name == "Greater London"
    assert Region.objects.count() == 9


def test_published_before_takes_live_entries_up_to_the_cutoff():
    cutoff = utc(2026, 11, 1)
    before = entry(published=cutoff - timedelta(microseconds=1))
    entry(published=cutoff)
    entry(live=False)
    assert [page.pk for page in Entry.objects.published_before(cutoff)] == [before.pk]


def test_current_leaves_out_what_is_past_closed_or_overdue():
    today = date(2027, 2, 10)
    fresh = {"review_due": today}
    kept = [
        entry(**fresh).pk,
        entry(Kind.FUNDING, deadline=today, **fresh).pk,
        entry(Kind.FUNDING, **fresh).pk,
        entry(Kind.EVENT, starts_at=utc(2027, 2, 8, 9), ends_at=utc(2027, 2, 10, 9), **fresh).pk,
    ]
    entry(review_due=today - timedelta(days=1))
    entry(Kind.FUNDING, deadline=today - timedelta(days=1), **fresh)
    entry(Kind.EVENT, starts_at=utc(2027, 2, 9, 9), **fresh)
    assert set(Entry.objects.current(today).values_list("pk", flat=True)) == set(kept)


def test_upcoming_gives_live_events_that_are_not_over_the_next_one_first():
    today = date(2027, 2, 10)
    later = entry(Kind.EVENT, starts_at=utc(2027, 3, 1, 9))
    first = entry(Kind.EVENT, starts_at=utc(2027, 2, 10, 9))
    under_way = entry(Kind.EVENT, starts_at=utc(2027, 2, 9, 9), ends_at=utc(2027, 2, 11, 17))
    entry(Kind.EVENT, starts_at=utc(2027, 2, 7, 9), ends_at=utc(2027, 2, 9, 17))
    entry(Kind.EVENT, starts_at=utc(2027, 2, 9, 9))
    entry(Kind.EVENT, starts_at=utc(2027, 2, 11, 9), live=False)
    entry(Kind.FUNDING, deadline=date(2027, 2, 20))
    assert [page.pk for page in Entry.objects.upcoming(today)] == [under_way.pk, first.pk, later.pk]
