"""What an editor sees as a member is the mail that the member gets: subject, items, order and every word."""

import random
import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from cms.models import Entry, Kind
from newsletter.approving import approve
from newsletter.editions import IssueEditions
from newsletter.freezing import freeze
from newsletter.models import Delivery, Issue, Item, NewsletterSettings
from newsletter.reading import PREVIEW_TOKEN, read_as_member
from newsletter.sending import drain, start
from newsletter.tokens import delivery_token
from tests import factories

MEMBERS = 50
SECTORS = ["health", "schools", "prisons", "early-years"]
REGIONS = [None, "north-east", "london"]
NAMES = ["Sam", "", 'O\'Neil "Queenie"', "<b>Tom</b> & Jerry", "Zoë", ".Dot", "{{ name }}"]
KINDS = list(Kind.values)


class Words(HTMLParser):
    """The visible words of a page, and where its links lead, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.links += [value for name, value in attrs if name == "href"]


@pytest.fixture
def issue(db) -> Issue:
    """Twenty entries of every kind, for some sectors and regions each; more than an edition holds for some."""
    chance = random.Random(5)
    pages = [
        factories.entry(
            KINDS[number % len(KINDS)],
            title=f"Entry {number} on visits" if number % 3 else f"Entry {number}: “tea & biscuits”",
            sectors=chance.sample(SECTORS, chance.choice([0, 0, 1, 2])),
            regions=[region] if (region := chance.choice([*REGIONS, None])) else [],
        )
        for number in range(20)
    ]
    issue = factories.issue(pages=pages, subject="October: visits, and what children say")
    Item.objects.filter(issue=issue, page__in=pages[3:5]).update(pinned=True)
    return Issue.objects.get(pk=issue.pk)


@pytest.fixture
def members(issue) -> list:
    chance = random.Random(50)
    people = []
    for number in range(MEMBERS):
        subscription = factories.subscription(
            f"reader{number}@example.org",
            sectors=chance.sample(SECTORS, chance.choice([1, 1, 2])),
            region_slug=chance.choice(REGIONS),
            first_name=NAMES[number % len(NAMES)],
            kinds=chance.sample(KINDS, chance.choice([3, len(KINDS), len(KINDS)])),
            track_clicks=number % 5 == 0,
            track_opens=number % 7 == 0,
        )
        if number % 6 == 0:
            subscription.member.saved_searches.create(query="q=visits", in_news=True)
        people.append(subscription.member)
    return people


def approved(issue: Issue) -> Issue:
    boss = factories.UserFactory(email="boss@example.org", is_superuser=True)
    issue.save_revision()
    return Issue.objects.get(pk=approve(issue, by=boss).pk)


def send(issue: Issue) -> None:
    start(issue)
    drain(issue)


def mail_of(delivery: Delivery, outbox) -> tuple[str, str, str]:
    """Subject, HTML and text of the mail in the outbox; its personal addresses written as those of a preview."""
    content = (outbox / f"{delivery.issue.period}-{delivery.pk:06d}.eml").read_bytes()
    mail = message_from_bytes(content, policy=policy.default)
    page, text = (mail.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("html", "plain"))
    token = delivery_token(delivery.nonce)
    for link in delivery.issue.links.all():  # measured links lead where they lead
        for name in (token, delivery.issue.period):
            page = page.replace(f'http://localhost:8000/l/{name}/{link.number}"', f'{link.url}"')
    page = re.sub(r'<img src="[^"]*/o/[^"]*"[^>]*>', "", page)
    return str(mail["Subject"]), page.replace(token, PREVIEW_TOKEN), text.replace(token, PREVIEW_TOKEN)


def compare(before: dict, issue: Issue, outbox) -> int:
    """Compare each preview with its mail; return how many got one."""
    deliveries = {
        delivery.member_id: delivery for delivery in Delivery.objects.filter(issue=issue).select_related("issue")
    }
    mailed = 0
    for member, reading in before.items():
        delivery = deliveries[member]
        if not reading.rendered:
            assert delivery.state == Delivery.State.SKIPPED, reading.why_not
            continue
        assert delivery.state == Delivery.State.SENT
        mailed += 1
        subject, page, text = mail_of(delivery, outbox)
        assert reading.rendered.subject == subject
        assert reading.rendered.text.strip() == text.strip()
        seen, sent = Words(reading.rendered.html), Words(page)
        assert seen.words == sent.words
        assert seen.links == sent.links
        shown = [text.index(item.headline) for item in reading.items]
        assert len(shown) == len(reading.items) == delivery.edition.places.count()
    return mailed


def test_each_preview_is_the_mail_that_is_sent(issue, members, own_outbox):
    issue = approved(issue)
    editions = IssueEditions.approved(issue)
    before = {member.pk: read_as_member(editions, member, frozen=False) for member in members}
    send(issue)
    assert compare(before, issue, own_outbox) > 40
    assert len({reading.rendered.html for reading in before.values() if reading.rendered}) > 10


def test_what_was_edited_after_the_approval_is_in_neither(issue, members, own_outbox):
    issue = approved(issue)
    Entry.objects.update(title="Changed afterwards", summary="Nobody has approved this.")
    editions = IssueEditions.approved(issue)
    before = {member.pk: read_as_member(editions, member, frozen=False) for member in members[:15]}
    send(issue)
    assert compare(before, issue, own_outbox) > 10
    assert not any("Changed afterwards" in reading.rendered.html for reading in before.values() if reading.rendered)


@pytest.mark.parametrize("counts_clicks", [False, True])
def test_once_frozen_the_stored_mail_is_shown_whatever_has_changed_since(issue, members, own_outbox, counts_clicks):
    NewsletterSettings.objects.update_or_create(defaults={"counts_clicks": counts_clicks})
    issue = approved(issue)
    freeze(issue)
    members[0].sectors.set([factories.sector("prisons")])
    Entry.objects.update(title="Changed afterwards")
    editions = IssueEditions.approved(issue)
    before = {member.pk: read_as_member(editions, member, frozen=True) for member in members[:15]}
    send(issue)
    assert compare(before, issue, own_outbox) > 10
