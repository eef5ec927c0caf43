"""Importing a file again never undoes what was done here since: a check, or a draft that was just saved."""

import json
from datetime import date, timedelta

import pytest
from django.utils import timezone

from cms import importing
from cms.caring import mark_checked
from cms.models import Service
from tests.cms.test_import_services import FULL, counts, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def write(tmp_path):
    def written(content):
        path = tmp_path / "services.json"
        path.write_text(json.dumps(content))
        return str(path)

    return written


def test_an_older_day_of_the_last_check_does_not_undo_ours(write):
    run(write([FULL]), "--publish")
    mark_checked(entry=Service.objects.get())
    today = timezone.localdate()
    for source in (FULL, FULL | {"assured_date": None}):
        assert counts(run(write([source]))) == {"unchanged": 1}
    assert counts(run(write([FULL | {"fees": "£5"}]))) == {"changed": 1}
    page = Service.objects.get()
    assert (page.cost, page.assured_on, page.review_due) == ("£5", today, today + timedelta(days=183))


def test_a_check_that_lies_ahead_is_refused(write):
    run(write([FULL]))
    ahead = str(timezone.localdate() + timedelta(days=1))
    answer = run(write([FULL | {"assured_date": ahead}, FULL | {"id": "second", "assured_date": ahead}]))
    assert counts(answer) == {"rejected": 2}
    assert "lies ahead" in answer["problems"][0]["problem"]
    assert Service.objects.get().assured_on == date(2026, 9, 1)


@pytest.mark.parametrize("options", [[], ["--publish"]], ids=["draft", "live"])
def test_a_draft_saved_while_a_batch_is_under_way_is_not_written_over(write, monkeypatch, options):
    run(write([FULL]), *options)
    look_up = importing._look_up

    def slow(identifiers):
        known = look_up(identifiers)
        page = Service.objects.get()
        page.summary = "Better words."
        page.save_revision()
        return known

    monkeypatch.setattr(importing, "_look_up", slow)
    answer = run(write([FULL | {"fees": "£5"}]))
    assert counts(answer) == {"rejected": 1}
    assert "not published it yet" in answer["problems"][0]["problem"]
    page = Service.objects.get()
    assert (page.cost, page.get_latest_revision_as_object().summary) == ("Free", "Better words.")


def test_a_check_while_a_batch_is_under_way_is_kept(write, monkeypatch):
    run(write([FULL]), "--publish")
    look_up = importing._look_up

    def slow(identifiers):
        known = look_up(identifiers)
        mark_checked(entry=Service.objects.get())
        return known

    monkeypatch.setattr(importing, "_look_up", slow)
    assert counts(run(write([FULL | {"fees": "£5"}]))) == {"changed": 1}
    assert Service.objects.get().assured_on == timezone.localdate()
