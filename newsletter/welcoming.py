"""What a member's own page says: what is new for them, what comes next, when, and why."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format

from cms.open_data import open_entries
from membership.audiences import audience_of
from membership.models import Member, Subscription, Suppression
from newsletter.content import ItemContent
from newsletter.editions import IssueEditions
from newsletter.models import Mailing, NewsletterSettings
from newsletter.periods import Period
from newsletter.previewing import GATHERED_AT_MOST, Preview, Source, Upcoming, first, monthly, unsaved_issue

NEW_AT_MOST = 10
NEXT_AT_MOST = 4
FIRST_VISIT_LOOKS_BACK = timedelta(days=30)
VISIT = timedelta(hours=1)


@dataclass(frozen=True)
class NextIssue:
    """What comes next: the sentences that say when and why, and the first items of it."""

    when: str
    why: str
    preview: Preview


def new_since(subscription: Subscription, since: datetime) -> list[ItemContent]:
    """Entries announced since then that the edition rule would give this member: at most ten, in its order."""
    today = timezone.localdate()
    announced = Q(first_published_at__gt=since) | Q(significant_update_on__gt=timezone.localdate(since))
    fresh = open_entries().current(today).filter(announced, first_published_at__isnull=False)
    pages = list(fresh.order_by("-first_published_at", "-pk")[:GATHERED_AT_MOST])
    if not pages:
        return []
    editions = IssueEditions(unsaved_issue(Period.containing(today), pages))
    editions.limit = NEW_AT_MOST
    choice = editions.choose(monthly(audience_of(subscription)))
    by_number = {item.number: item for item in editions.content(choice, greeting="", token="none").items}
    return [by_number[place] for place in choice.items]


def next_issue(subscription: Subscription) -> NextIssue | None:
    """What an active member gets next, when, and why; None for anybody else, and for addresses we must not mail."""
    if subscription.state != Subscription.State.ACTIVE or is_suppressed(subscription):
        return None
    upcoming = Upcoming()
    preview = first(upcoming.preview(audience_of(subscription)), NEXT_AT_MOST)
    quarterly = subscription.frequency == Subscription.Frequency.QUARTERLY
    return NextIssue(_when(upcoming, quarterly=quarterly), _why(subscription), preview)


def is_suppressed(subscription: Subscription) -> bool:
    return Suppression.objects.filter(address_hash=subscription.member.user.address_hash).exists()


def visit(member: Member, *, now: datetime) -> datetime:
    """Note that a member is here, at most once an hour; return since when things are new to them."""
    before = member.last_visit_at
    if before is None or before < now - VISIT:
        # An update, because saving a member would have their audience worked out again.
        Member.objects.filter(pk=member.pk).update(last_visit_at=now)
        member.last_visit_at = now
    return before or now - FIRST_VISIT_LOOKS_BACK


def _when(upcoming: Upcoming, *, quarterly: bool) -> str:
    """“The October issue is planned for 1 November.”"""
    period = upcoming.coming
    mailing = upcoming.issue.get_mailing() if upcoming.source == Source.PREPARED else None
    on_its_way = mailing and mailing.state in {Mailing.State.FROZEN, Mailing.State.SENDING}
    if on_its_way and (period.ends_quarter or not quarterly):
        return f"The {_month(period)} issue is on its way."
    if quarterly:
        period = period.quarter_end
    planned = planned_day(period)
    if planned <= upcoming.today:
        return f"The {_month(period)} issue is being prepared, and comes soon."
    return f"The {_month(period)} issue is planned for {date_format(planned, 'j F')}."


def planned_day(period: Period) -> date:
    """The day on which a month's issue is put together."""
    return period.next.first_day.replace(day=NewsletterSettings.load().compile_day)


def _month(period: Period) -> str:
    return date_format(period.first_day, "F")


def _why(subscription: Subscription) -> str:
    """“You get it because you chose Health, North East.”"""
    member = subscription.member
    names = [sector.short_name for sector in member.sectors.all()]
    names.append(member.region.name if member.region else "the whole country")
    return f"You get it because you chose {', '.join(names)}."
