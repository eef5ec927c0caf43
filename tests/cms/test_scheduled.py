"""Pages that go live and come down on the day an editor chose, and publishing many pages at once."""

from datetime import date, timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from wagtail.models import PageLogEntry, Revision

from cms import scheduled
from cms.models import CaseStudy, Entry, Kind, Submission
from cms.scheduled import Done, run_due
from cms.site import directory_page
from config.schedule import SCHEDULE
from newsletter.models import Issue
from tests.cms.offers import waiting
from tests.factories import UserFactory, entry

pytestmark = pytest.mark.django_db
BULK = "/admin/bulk/wagtailcore/page/publish/"


def schedule(page, hours=-1):
    """Approve its latest version for a moment that has come since, as the editor's form does."""
    page.go_live_at = timezone.now() + timedelta(hours=1)
    revision = page.save_revision(clean=False)
    revision.publish()
    moment = timezone.now() + timedelta(hours=hours)
    revision.refresh_from_db()
    revision.content["go_live_at"] = moment.isoformat()
    revision.approved_go_live_at = moment
    revision.save()
    return page


def live():
    return set(Entry.objects.live().values_list("pk", flat=True))


def test_page_goes_live_once_on_its_day():
    page = schedule(entry(live=False))
    schedule(entry(live=False), hours=1)
    assert run_due() == Done(1, 0, 0)
    assert run_due() == Done(0, 0, 0)
    assert live() == {page.pk}
    assert PageLogEntry.objects.filter(action="wagtail.publish.scheduled").count() == 1


def test_new_version_of_a_live_page_takes_its_place():
    page = entry(title="Before")
    page.save_revision().publish()
    page = Entry.objects.get().specific
    page.title = "After"
    schedule(page)
    assert Entry.objects.get().title == "Before"
    run_due()
    assert Entry.objects.get().title == "After"


def test_page_comes_down_on_its_day_and_the_search_hears_of_it(client):
    gone = entry(title="Marmalade", expire_at=timezone.now() - timedelta(minutes=1))
    entry(title="Marmalade jar", expire_at=timezone.now() + timedelta(minutes=1))
    assert run_due() == Done(0, 1, 0)
    assert run_due() == Done(0, 0, 0)
    gone.refresh_from_db()
    assert (gone.live, gone.expired) == (False, True)
    assert client.get(gone.url).status_code == 404


def test_page_that_refuses_is_named_by_its_id_and_keeps_no_other_back(caplog):
    study = schedule(entry(Kind.CASE_STUDY, live=False, title="Somebody known"), hours=-2)
    page = schedule(entry(live=False))
    assert run_due() == Done(1, 0, 1)
    assert live() == {page.pk}
    assert f"page {study.pk} " in caplog.text
    assert "anonymity_checked_by" in caplog.text
    assert "Somebody known" not in caplog.text
    study = CaseStudy.objects.get()
    study.anonymity_checked_by, study.anonymity_checked_on = UserFactory(), date(2026, 10, 1)
    schedule(study)
    assert run_due() == Done(1, 0, 0)


def test_what_is_left_waits_for_the_next_run():
    for _ in range(3):
        schedule(entry(live=False))
    assert [run_due(at_most=2).published, run_due(at_most=2).published] == [2, 1]
    schedule(entry(live=False))
    assert run_due(seconds=-1) == Done(0, 0, 0)


def test_pages_of_the_newsletter_are_left_alone():
    issue = schedule(entry(live=False))
    Revision.objects.filter(object_id=str(issue.pk)).update(content_type=ContentType.objects.get_for_model(Issue))
    assert run_due() == Done(0, 0, 0)


def test_schedule_taken_back_meanwhile_is_heeded():
    page = schedule(entry(live=False))
    pk = page.get_latest_revision().pk
    Revision.objects.update(approved_go_live_at=None)
    assert not scheduled._publish(pk)
    assert not live()


def test_whoever_offered_it_is_told_when_it_is_live():
    one = waiting()
    schedule(one.entry.specific)
    assert Submission.objects.get().state == "waiting"
    run_due()
    assert Submission.objects.get().state == "published"


def test_it_runs_every_five_minutes():
    assert SCHEDULE["keep_up"]["schedule"] == 300
    assert SCHEDULE["keep_up"]["task"] == "cms.tasks.keep_up"


# --- Many at once --------------------------------------------------------------------------------


def draft(kind=Kind.RESOURCE, **fields):
    page = entry(kind, live=False, **fields)
    page.save_revision(clean=False)
    return page


def test_publishing_many_leaves_out_what_is_not_ready_and_says_so(superuser_client):
    study, page = draft(Kind.CASE_STUDY, title="A quiet corner"), draft()
    empty = draft()
    empty.summary = ""
    empty.save_revision(clean=False)
    ids = "&".join(f"id={one.pk}" for one in (study, page, empty))
    response = superuser_client.post(f"{BULK}?{ids}&next=/admin/", follow=True)
    assert response.status_code == 200
    assert live() == {page.pk}
    said = [str(message) for message in response.context["messages"]]
    assert len(said) == 3
    assert any("A quiet corner" in one and "anonymity" in one for one in said)


def test_publishing_a_page_with_those_below_leaves_them_out_as_well(superuser_client):
    draft(Kind.CASE_STUDY)
    page, other = draft(), draft(Kind.SERVICE)
    address = f"{BULK}?id={directory_page().pk}&next=/admin/"
    response = superuser_client.post(address, {"include_descendants": "on"}, follow=True)
    assert response.status_code == 200
    assert live() == {page.pk, other.pk}
