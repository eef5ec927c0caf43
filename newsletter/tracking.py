"""Tracking: opens and clicks of those who agreed to each, and of nobody else."""

from datetime import timedelta

from django.utils import timezone

from membership.models import Subscription
from newsletter.models import AgedToken, Delivery, Hit
from newsletter.sql import is_postgres, returning, time_value
from newsletter.tokens import token_hash, well_formed

# Nothing raw is kept for longer than 90 days, so counting ends a little earlier after the start of sending.
COUNTED_FOR = timedelta(days=88)
MOST_LINKS = 32767  # of an issue: what the column holds

# A link by token and number, and whether its click counts. Django takes longer over writing this than it runs.
FOUND = """
    SELECT d.id AS delivery, l.id AS link, l.url,
        (s.track_clicks AND coalesce(m.started_at, m.frozen_at) > {0}) AS agreed
    FROM newsletter_delivery d
    JOIN newsletter_link l ON l.issue_id = d.issue_id AND l.number = %s
    JOIN newsletter_mailing m ON m.issue_id = d.issue_id
    LEFT JOIN membership_subscription s ON s.member_id = d.member_id
    WHERE d.token_hash = %s
"""
# On PostgreSQL the click is kept by the same statement, and does not wait for the disk: a power cut may take back what
# was counted in the second before it.
FOLLOW = f"""
    WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true)),
    found AS ({FOUND.format("%s::timestamptz")}),
    kept AS (
        INSERT INTO newsletter_hit (delivery_id, link_id, what, at)
        SELECT delivery, link, 'click', %s::timestamptz FROM found, relaxed WHERE agreed AND %s::boolean
    )
    SELECT url FROM found
"""  # noqa: S608  our own constants only


def find_delivery(token: str) -> Delivery | None:
    """Return the delivery a token belongs to, its member's subscription along with it; None for any other text."""
    if not well_formed(token):
        return None
    deliveries = Delivery.objects.select_related(
        "member__user", "member__subscription", "member__region", "issue__mailing"
    )
    return deliveries.filter(token_hash=token_hash(token)).first()


def subscription_of(delivery: Delivery | None) -> Subscription | None:
    """The subscription behind a delivery; None once the member has gone."""
    return getattr(delivery.member, "subscription", None) if delivery else None


def find_owner(token: str) -> tuple[bool, Subscription | None]:
    """Return whether a token is one of ours, and whose subscription it leads to (None once the member has gone).

    Also knows the tokens of deliveries that have lost their person with age (`ageing.py`): leaving never expires.
    """
    delivery = find_delivery(token)
    if delivery:
        return True, subscription_of(delivery)
    subscription = find_aged(token)
    return subscription is not None, subscription


def find_aged(token: str) -> Subscription | None:
    """The subscription behind a token whose delivery has aged; None for any other."""
    if not well_formed(token):
        return None
    aged = AgedToken.objects.select_related("member__user", "member__subscription", "member__region")
    found = aged.filter(token_hash=token_hash(token)).first()
    return getattr(found.member, "subscription", None) if found else None


def record_click(token: str, number: int, *, count: bool = True) -> str | None:
    """Return where link `number` of this mail leads, counting the click if the member agrees to that today.

    With `count` off (a HEAD request: a machine looks, nobody reads) nothing is counted in any case.
    None when the token or the number is unknown: the caller answers 404, never a redirect elsewhere.
    """
    if not well_formed(token) or number > MOST_LINKS:
        return None
    now = timezone.now()
    wanted = [time_value(now - COUNTED_FOR), number, token_hash(token)]
    if is_postgres():
        rows = returning(FOLLOW, [*wanted, time_value(now), count])
        return rows[0][0] if rows else None
    for delivery, link, url, agreed in returning(FOUND.format("%s"), wanted):
        if count and agreed:
            Hit.objects.create(delivery_id=delivery, link_id=link, what=Hit.What.CLICK, at=now)
        return url
    return None


def record_open(token: str) -> None:
    """Count an open, if the member agrees to that today. Unknown tokens are nobody's business."""
    delivery = find_delivery(token)
    subscription = subscription_of(delivery)
    if delivery and subscription and subscription.track_opens and still_counted(delivery):
        Hit.objects.create(delivery=delivery, what=Hit.What.OPEN)


def still_counted(delivery: Delivery) -> bool:
    """Whether hits on this mail are still kept: afterwards only totals are (`ageing.py`)."""
    mailing = delivery.issue.mailing
    return (mailing.started_at or mailing.frozen_at) + COUNTED_FOR > timezone.now()
