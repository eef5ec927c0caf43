"""The demo's opens and clicks: only of those who agreed to each, marked as made up, and made once."""

import pytest

from membership.sample_members import make_members
from newsletter.freezing import freeze
from newsletter.models import Delivery, EditionItem, Hit, Issue
from newsletter.sample_hits import REASON, make_sample_hits
from tests import factories


@pytest.fixture
def issue(db) -> Issue:
    make_members(60)
    issue = factories.issue(pages=[factories.entry(title="A guide"), factories.entry(title="Another")], live=True)
    freeze(issue)
    Delivery.objects.filter(issue=issue, state="pending").update(state="sent")
    return issue


def test_are_of_people_who_agreed_and_say_that_they_are_made_up(issue):
    assert make_sample_hits(issue) == Hit.objects.count() > 20
    assert set(Hit.objects.values_list("reason", flat=True)) == {REASON}
    for hit in Hit.objects.select_related("delivery__member__subscription", "link"):
        subscription = hit.delivery.member.subscription
        assert subscription.track_opens if hit.what == "open" else subscription.track_clicks
        if hit.link:
            assert EditionItem.objects.filter(edition=hit.delivery.edition_id, item=hit.link.item_id).exists()


def test_are_made_once(issue):
    make_sample_hits(issue)
    assert make_sample_hits(issue) == 0
