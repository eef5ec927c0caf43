"""What the e-news holds about a person: what was sent to them, what the provider reported, what they opened."""

from collections.abc import Sequence

from django.db import transaction

from membership.held import Row, Source, register
from membership.models import Member
from newsletter.models import AgedToken, Delivery, Departure, Hit, ProviderEvent


def deliveries(member: Member) -> list[Row]:
    if not member.pk:
        return []
    found = (
        Delivery.objects.filter(member=member)
        .select_related("issue__mailing", "edition")
        .defer("edition__html", "edition__text")
        .prefetch_related("edition__places__item__page")
        .order_by("-issue__period")
    )
    return [
        {
            "issue": one.issue.period,
            "subject": one.edition.subject if one.edition else "",
            "items": [str(place.item) for place in one.edition.places.all() if place.item] if one.edition else [],
            "state": one.get_state_display(),
            "reason": one.reason,
            "prepared": one.issue.mailing.frozen_at,
            "finished": one.finished_at,
            "attempts": one.attempts,
        }
        for one in found
    ]


def provider_events(member: Member) -> list[Row]:
    if not member.pk:
        return []
    events = ProviderEvent.objects.filter(delivery__member=member).select_related("delivery__issue")
    return [
        {
            "time": event.happened_at,
            "issue": event.delivery.issue.period if event.delivery else "",
            "report": event.event_type,
            "detail": event.reject_reason,
        }
        for event in events.order_by("-happened_at")
    ]


def hits(member: Member) -> list[Row]:
    if not member.pk:
        return []
    found = Hit.objects.filter(delivery__member=member).select_related("delivery__issue", "link")
    return [
        {
            "time": hit.at,
            "issue": hit.delivery.issue.period,
            "what": hit.get_what_display(),
            "link": hit.link.url if hit.link else "",
            "judged": hit.get_verdict_display() if hit.verdict else "not yet",
        }
        for hit in found.order_by("-at")
    ]


def departures(member: Member) -> list[Row]:
    if not member.pk:
        return []
    found = Departure.objects.filter(delivery__member=member).select_related("delivery__issue").order_by("-at")
    return [{"time": one.at, "issue": one.delivery.issue.period} for one in found]


def aged_tokens(member: Member) -> list[Row]:
    count = AgedToken.objects.filter(member=member).count() if member.pk else 0
    return [{"old_mails_whose_link_still_leaves": count}] if count else []


@transaction.atomic
def forget(members: Sequence[Member]) -> None:
    """Take people out of the ledger: rows and counts stay, whatever leads back to a person goes.

    The hash of the link's token stays with the row. It leads to nobody any more, and lets the link in a mail that has
    arrived already answer "you have left" instead of an error.
    """
    pks = [member.pk for member in members if member.pk]
    ProviderEvent.objects.filter(delivery__member__in=pks).delete()
    Hit.objects.filter(delivery__member__in=pks).delete()
    Departure.objects.filter(delivery__member__in=pks).delete()
    Delivery.objects.filter(member__in=pks).update(member=None, message_id="", measured_since=None)


def register_all() -> None:
    for source in (
        Source("deliveries", "What we sent you", deliveries, forget),
        Source("provider_events", "What our mail provider reported", provider_events),
        Source("hits", "What you opened and followed", hits),
        Source("departures", "Mails by whose link you left", departures),
        Source("aged_tokens", "Links of old mail", aged_tokens),
    ):
        register(source)
