"""Entries, members and issues for tests: each call makes one that is valid, and takes what matters as arguments."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, timedelta
from typing import Any

import factory
from django.db.models.signals import post_save
from django.utils import timezone
from modelsearch.signal_handlers import post_save_signal_handler
from wagtail.models import Page
from wagtail.signal_handlers import disable_reference_index_auto_update

from cms import models as cms
from cms.addresses import address_hash
from cms.models import Kind
from cms.site import directory_page
from membership.models import Member, Subscription, Suppression, User
from newsletter.compiling import archive_page
from newsletter.models import Delivery, Issue, Item, Mailing

PERIOD = "2026-10"
KINDS = {
    Kind.RESOURCE: cms.Resource,
    Kind.RESEARCH: cms.Research,
    Kind.POLICY: cms.Policy,
    Kind.SERVICE: cms.Service,
    Kind.CASE_STUDY: cms.CaseStudy,
    Kind.TRAINING: cms.Training,
    Kind.FUNDING: cms.Funding,
    Kind.EVENT: cms.Event,
}


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    email = factory.Sequence(lambda number: f"person{number}@example.org")
    first_name = "Sam"
    last_name = "Sample"


def sector(slug: str) -> cms.Sector:
    return cms.Sector.objects.get(slug=slug)


def region(slug: str) -> cms.Region:
    return cms.Region.objects.get(slug=slug)


@contextmanager
def without_wagtails_indexes(model: type[Page]) -> Iterator[None]:
    """Save pages without Wagtail's own search, which only the admin's choosers read, and its index of references.

    They take a third of the time of a save. The directory's search is ours, and knows of every entry. An entry with
    text or a document, which may refer to others, is saved with everything.
    """
    post_save.disconnect(post_save_signal_handler, sender=model)
    try:
        with disable_reference_index_auto_update():
            yield
    finally:
        post_save.connect(post_save_signal_handler, sender=model)


def entry(
    kind: str = Kind.RESOURCE,
    *,
    title: str = "",
    sectors: list[str] | tuple[str, ...] = (),
    regions: list[str] | tuple[str, ...] = (),
    published: datetime | None = None,
    live: bool = True,
    **fields: Any,
) -> Any:
    """A published entry. `sectors` and `regions` are slugs; `published` defaults to 10 October 2026, 10am."""
    kind = Kind(kind)
    number = cms.Entry.objects.count() + 1
    published = published or timezone.make_aware(datetime(2026, 10, 10, 10))
    own: dict[str, Any] = {
        Kind.RESEARCH: {"year": 2025},
        Kind.SERVICE: {"area": "North Tyneside"},
        Kind.CASE_STUDY: {"setting": "A nursery in a market town"},
        Kind.TRAINING: {"provider": "Sample Trust"},
        Kind.FUNDING: {"funder": "Sample Fund"},
        Kind.EVENT: {"starts_at": timezone.now() + timedelta(days=60), "place": "Leeds"},
    }.get(kind, {})
    if kind == Kind.CASE_STUDY and live:
        own |= {"anonymity_checked_by": UserFactory(), "anonymity_checked_on": date(2026, 10, 1)}
    title = title or f"{kind.label} {number}"
    values = {
        "title": title,
        "slug": f"{kind.value}-{number}",
        "summary": f"What {title} offers.",
        "review_due": timezone.localdate() + timedelta(days=200),
        "live": live,
        "first_published_at": published if live else None,
        "last_published_at": published if live else None,
        **own,
        **fields,
    }
    page = KINDS[kind](**values)
    page.sectors.set([sector(slug) for slug in sectors])
    page.regions.set([region(slug) for slug in regions])
    with nullcontext() if {"body", "document"} & fields.keys() else without_wagtails_indexes(type(page)):
        directory_page().add_child(instance=page)
    return page


def subscription(
    email: str = "",
    *,
    sectors: list[str] | tuple[str, ...] = ("health",),
    region_slug: str | None = "north-east",
    state: str = Subscription.State.ACTIVE,
    first_name: str = "Sam",
    suppressed: bool = False,
    **fields: Any,
) -> Subscription:
    """A member with their subscription, in any state."""
    user = UserFactory(**({"email": email} if email else {}), first_name=first_name)
    member = Member.objects.create(user=user, region=region(region_slug) if region_slug else None)
    member.sectors.set([sector(slug) for slug in sectors])
    now = timezone.now()
    values: dict[str, Any] = {
        "state": state,
        "confirmed_at": None if state == Subscription.State.PENDING else now,
        "ended_at": now if state == Subscription.State.ENDED else None,
        **fields,
    }
    if suppressed:
        Suppression.objects.create(address_hash=address_hash(user.email), reason=Suppression.Reason.BOUNCED)
    return Subscription.objects.create(member=member, **values)


def six_members() -> list[Subscription]:
    return [
        subscription("ada@example.org", sectors=["health"], region_slug="north-east"),
        subscription("bea@example.org", sectors=["health"], region_slug="north-east", first_name=""),
        subscription("cal@example.org", sectors=["schools"], region_slug="london"),
        subscription(
            "dot@example.org", sectors=["health", "schools"], region_slug=None, track_clicks=True, track_opens=True
        ),
        subscription("eve@example.org", state=Subscription.State.PAUSED),
        subscription("fay@example.org", suppressed=True),
    ]


def issue(period: str = PERIOD, *, pages: list[Any] | None = None, live: bool = False, **fields: Any) -> Issue:
    """An issue that carries `pages` in this order."""
    page = Issue(
        title=f"i-HOP e-news {period}",
        slug=period,
        period=period,
        subject=fields.pop("subject", "What is new"),
        introduction=fields.pop("introduction", "<p>Welcome.</p>"),
        live=live,
        **fields,
    )
    with without_wagtails_indexes(Issue):
        archive_page().add_child(instance=page)
    for place, entry_page in enumerate(pages or []):
        Item.objects.create(
            issue=page, page=entry_page, announcement=entry_page.announced_on, section=entry_page.kind, sort_order=place
        )
    return Issue.objects.get(pk=page.pk)


def approved_issue(period: str = PERIOD) -> Issue:
    pages = [
        entry(Kind.RESOURCE, title="For everyone"),
        entry(Kind.SERVICE, title="For health", sectors=["health"]),
        entry(Kind.TRAINING, title="For schools", sectors=["schools"]),
        entry(Kind.SERVICE, title="For health in the North East", sectors=["health"], regions=["north-east"]),
    ]
    return issue(period, pages=pages, live=True)


def sent(of: Issue) -> Mailing:
    """A mailing that has come to its end, without any delivery."""
    return Mailing.objects.create(issue=of, state=Mailing.State.FINISHED, finished_at=timezone.now())


def states(of: Issue) -> dict[str, int]:
    """The ledger's counts that are not zero."""
    return {state: count for state, count in Delivery.objects.filter(issue=of).by_state().items() if count}
