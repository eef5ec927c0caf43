"""Who did not agree is not tracked: nothing in their mail is theirs alone but the ways to leave and to choose.

Over random members and issues: the raw message is taken apart, and its addresses are compared with those of another
member's mail of the same edition; and with the edition itself, which may have one reader.
"""

import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wagtail.images import get_image_model
from wagtail.images.tests.utils import get_test_image_file

from cms.models import Entry, Kind
from membership.audiences import assign_audiences
from newsletter.freezing import freeze
from newsletter.models import Delivery, Issue, NewsletterSettings
from newsletter.sending import drain, start
from tests import factories

SECTORS = ["health", "schools", "prisons"]
SITE = "http://localhost:8000"
ADDRESS = re.compile(r"(?:https?|mailto|cid|ftp|data):[^\s<>\"')\]]+", re.IGNORECASE)
LOADED = {"src", "srcset", "background", "poster", "data", "href", "action", "cite"}
NAMES = st.text(max_size=30) | st.sampled_from(["", "Sam", '"><img src="//x.example/1.gif">'])


class Addresses(HTMLParser):
    """Every address in a page: in attributes, style sheets and words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found = set(ADDRESS.findall(page)) | set(re.findall(r"url\(([^)]*)\)", page))
        self.pictures = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.pictures += tag == "img"
        self.found |= {value for name, value in attrs if name in LOADED and value and not value.startswith("#")}


def addresses(content: bytes) -> tuple[set[str], int]:
    """Every address in a raw message: its headers, its text and its page, once they are decoded; and its pictures."""
    mail = message_from_bytes(content, policy=policy.default)
    found = set()
    for name, value in mail.items():
        if name.lower() not in {"to", "message-id"}:  # the recipient, and the message's own number
            found |= set(ADDRESS.findall(str(value)))
    page = Addresses(mail.get_body(("html",)).get_content())
    found |= set(ADDRESS.findall(mail.get_body(("plain",)).get_content())) | page.found
    return plain(found), page.pictures


def plain(found: set[str]) -> set[str]:
    return {address.rstrip(".,>") for address in found}


@pytest.fixture
def entries(db, settings, tmp_path) -> list[Entry]:
    settings.MEDIA_ROOT = tmp_path / "media"
    return [
        factories.entry(kind, title=f"Entry {number}", sectors=[SECTORS[number % 3]] if number % 2 else [])
        for number, kind in enumerate([*Kind.values[:4], *Kind.values[:2]])
    ]


@pytest.mark.parametrize("counts_clicks", [False, True], ids=["plain", "counted"])
@given(data=st.data())
@settings(
    max_examples=10,  # for each of both ways to count
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_address_is_unique_but_leaving_and_choosing(entries, own_outbox, counts_clicks, data):
    with transaction.atomic():
        mails = [(one, addresses(content)) for one, content in send(entries, counts_clicks, data, own_outbox)]
        for delivery, (mine, pictures) in mails:
            others = [
                found
                for other, (found, _) in mails
                if other.edition_id == delivery.edition_id and other.pk != delivery.pk
            ]
            shown = pictures - delivery.edition.html.count("<img")  # the items' own are the same for everybody
            check(
                delivery.member.subscription,
                mine,
                mine.difference(shared(delivery, counts_clicks), *others),
                shown,
                counts_clicks,
            )
        transaction.set_rollback(True)  # each example leaves the database as it found it


def shared(delivery: Delivery, counts_clicks: bool) -> set[str]:
    """The addresses that everybody with this edition would have: its own, and those that count without knowing who."""
    edition = delivery.edition
    found = Addresses(edition.html).found | set(ADDRESS.findall(edition.text))
    if counts_clicks:
        found |= {f"{SITE}/l/2026-10/{number}" for number in range(1, 100)}
    return plain(found)


def check(subscription, mine: set[str], unique: set[str], pictures: int, counts_clicks: bool) -> None:
    ways = {address for address in mine if re.match(rf"{SITE}/e-news/[up]/[A-Za-z0-9_-]{{24}}/", address)}
    assert ways, "everybody can leave"
    tokens = {address.split("/")[5] for address in ways}
    assert len(tokens) == 1
    (token,) = tokens
    personal = {address for address in mine if token in address}
    measured = {address for address in personal if address.startswith((f"{SITE}/l/", f"{SITE}/o/"))}
    assert unique <= personal
    assert personal - measured == ways
    assert {address for address in measured if "/o/" in address} == (
        {f"{SITE}/o/{token}.gif"} if subscription.track_opens else set()
    )
    assert any("/l/" in address for address in measured) is subscription.track_clicks
    assert pictures == subscription.track_opens, "no picture is loaded without consent"
    counted = {address for address in mine if address.startswith(f"{SITE}/l/2026-10/")}
    assert bool(counted) is (counts_clicks and not subscription.track_clicks)


def send(entries: list[Entry], counts_clicks: bool, data: st.DataObject, outbox) -> list[tuple[Delivery, bytes]]:
    """Send a random choice of entries to random members; return each delivery with its raw message."""
    NewsletterSettings.objects.update_or_create(defaults={"counts_clicks": counts_clicks})
    chosen = data.draw(st.lists(st.sampled_from(entries), min_size=1, unique_by=lambda one: one.pk), label="entries")
    introduction = data.draw(st.sampled_from(["", '<p>See <a href="https://example.org/a?b=1">this</a>.</p>']))
    issue = factories.issue(pages=chosen, live=True, introduction=introduction)
    for item in issue.items.all():
        if data.draw(st.booleans(), label="picture"):
            item.image = get_image_model().objects.create(title="Hall", file=get_test_image_file(size=(160, 90)))
            item.image_alt = "A hall"
            item.save()
    issue = Issue.objects.get(pk=issue.pk)
    for number in range(data.draw(st.integers(1, 6), label="members")):
        factories.subscription(
            f"m{number}@example.org",
            sectors=data.draw(st.lists(st.sampled_from(SECTORS), min_size=1, max_size=2, unique=True)),
            first_name=data.draw(NAMES)[:30].replace("\x00", ""),
            track_clicks=data.draw(st.booleans()),
            track_opens=data.draw(st.booleans()),
        )
    assign_audiences()
    freeze(issue)
    start(issue)
    drain(issue)
    rows = Delivery.objects.filter(issue=issue, state="sent").select_related("issue", "edition", "member__subscription")
    return [(one, (outbox / f"{issue.period}-{one.pk:06d}.eml").read_bytes()) for one in rows]
