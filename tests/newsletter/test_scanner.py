"""Mail scanners follow every link: what they fetch by GET or HEAD changes nothing a member chose (quality.md 2, 6)."""

import re
from email import message_from_bytes, policy
from html import unescape

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from membership import services
from membership.models import ConsentRecord, Member, Subscription, Suppression
from newsletter.sending import drain_to_the_end, start
from tests.factories import sector

pytestmark = pytest.mark.django_db


def held() -> list[list[tuple]]:
    """Everything a member chose, as it stands."""
    members = Member.objects.order_by("pk").values_list("pk", "region", "user__email")
    sectors = Member.sectors.through.objects.order_by("pk").values_list("member", "sector")
    return [
        list(rows)
        for rows in (
            members,
            sectors,
            Subscription.objects.order_by("pk").values_list(),
            ConsentRecord.objects.order_by("pk").values_list(),
            Suppression.objects.order_by("pk").values_list(),
        )
    ]


def links(text: str) -> set[str]:
    own = re.escape(settings.SITE_URL)
    return {unescape(link) for link in re.findall(rf"{own}[^\s\"'<>]*", text)}


def follow(addresses: set[str]) -> None:
    for address in sorted(addresses):
        path = address.removeprefix(settings.SITE_URL)
        for method in ("get", "head"):
            response = getattr(Client(), method)(path)
            assert response.status_code < 500, path


def test_following_every_link_of_an_issue_changes_nothing(issue, members, own_outbox):
    start(issue)
    drain_to_the_end(issue)
    found: set[str] = set()
    for path in own_outbox.glob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        for part in ("plain", "html"):
            found |= links(message.get_body((part,)).get_content())
        found |= links(message["List-Unsubscribe"])
    assert sum("/e-news/u/" in link for link in found) == 4, "each member's own link to leave"
    assert any("/l/" in link for link in found), "a tracked link"
    before = held()
    follow(found)
    assert held() == before


def test_following_the_confirmation_link_confirms_nothing(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        services.join(email="new@example.org", sectors=[sector("health")], region=None)
    before = held()
    follow(links(mail.outbox[-1].body))
    assert held() == before
    assert Subscription.objects.get().state == Subscription.State.PENDING
