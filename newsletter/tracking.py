"""Tracking: opens and clicks of those who agreed to each, and of nobody else; and links counted without knowing who.

Everything here runs while somebody waits for a page, so each act is one statement on PostgreSQL. Whether a hit was made
by a person is judged later (`judging.py`), and no redirect waits for that.
"""

from datetime import timedelta

from django.utils import timezone

from membership.models import Subscription
from newsletter.models import AgedToken, Delivery, Hit
from newsletter.signs import Signal, Signs
from newsletter.sql import changed, is_postgres, may_be_lost, returning, returning_at_once, time_value
from newsletter.tokens import token_hash, well_formed

# Nothing raw is kept for longer than 90 days, so counting ends a little earlier after the start of sending.
COUNTED_FOR = timedelta(days=88)
MOST_LINKS = 32767  # of an issue: what the column holds
MACHINES = Signal.HEAD | Signal.ROBOT | Signal.PREFETCH  # what is not counted where nothing is judged
NONE = Signs()
AGREEING = "('active', 'paused')"  # whoever has left agrees to nothing any more, on mail they already have either

# A link by token and number, and whether its click counts. Django takes longer over writing this than it runs.
FOUND = f"""
    SELECT d.id AS delivery, l.id AS link, l.url,
        (s.track_clicks AND s.state IN {AGREEING} AND coalesce(m.started_at, m.frozen_at) > {{0}}) AS agreed
    FROM newsletter_delivery d
    JOIN newsletter_link l ON l.issue_id = d.issue_id AND l.number = %s
    JOIN newsletter_mailing m ON m.issue_id = d.issue_id
    LEFT JOIN membership_subscription s ON s.member_id = d.member_id
    WHERE d.token_hash = %s
"""  # noqa: S608  our own constants only
# On PostgreSQL what is counted is kept by the same statement, and does not wait for the disk: a power cut may take back
# what was counted in the second before it.
RELAXED = "relaxed AS (SELECT set_config('synchronous_commit', 'off', true))"
FOLLOW = f"""
    WITH {RELAXED},
    found AS ({FOUND.format("%s::timestamptz")}),
    kept AS (
        INSERT INTO newsletter_hit (delivery_id, link_id, what, at, signals, network, verdict, reason)
        SELECT delivery, link, 'click', %s::timestamptz, %s::smallint, nullif(%s::integer, -1), '', ''
        FROM found, relaxed WHERE agreed
    )
    SELECT url FROM found
"""  # noqa: S608  our own constants only
# An open, or a look at the page to leave: nothing is asked back.
NOTED = f"""
    INSERT INTO newsletter_hit (delivery_id, what, at, signals, network, verdict, reason)
    SELECT d.id, {{what}}, {{time}}, {{small}}, {{number}}, '', ''
    FROM newsletter_delivery d
    JOIN newsletter_mailing m ON m.issue_id = d.issue_id
    JOIN membership_subscription s ON s.member_id = d.member_id{{relaxed}}
    WHERE d.token_hash = %s AND s.{{switch}} AND s.state IN {AGREEING}
        AND coalesce(m.started_at, m.frozen_at) > {{time}}
"""  # noqa: S608  our own constants only
# The same address for everybody: a link by the name of its issue, and whether its click counts.
SHARED = """
    SELECT l.id AS link, l.url, (coalesce(m.started_at, m.frozen_at) > {0}) AS counted
    FROM newsletter_issue i
    JOIN newsletter_mailing m ON m.issue_id = i.page_ptr_id AND m.counts_clicks
    JOIN newsletter_link l ON l.issue_id = i.page_ptr_id AND l.number = %s
    WHERE i.period = %s
"""
ONE_MORE = """
    INSERT INTO newsletter_linkcount (link_id, day, clicks) {0}
    ON CONFLICT (link_id, day) DO UPDATE SET clicks = newsletter_linkcount.clicks + 1
"""
FOLLOW_SHARED = f"""
    WITH {RELAXED},
    found AS ({SHARED.format("%s::timestamptz")}),
    kept AS ({ONE_MORE.format("SELECT link, %s::date, 1 FROM found, relaxed WHERE counted AND %s::boolean")})
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


def find_aged(token: str) -> Subscription | None:
    """The subscription behind a token whose delivery has aged (`ageing.py`); None for any other."""
    if not well_formed(token):
        return None
    aged = AgedToken.objects.select_related("member__user", "member__subscription", "member__region")
    found = aged.filter(token_hash=token_hash(token)).first()
    return getattr(found.member, "subscription", None) if found else None


def record_click(name: str, number: int, signs: Signs = NONE) -> str | None:
    """Return where link `number` leads; None when it is unknown: the caller answers 404, never a redirect elsewhere.

    `name` is the token of one mail: the click is kept if its member agrees to that today. Or it is the name of an issue
    whose links are counted without knowing by whom, such as 2026-10 or 2026-10-c1: then one is added for the day,
    unless a machine says that it is one.
    """
    if number > MOST_LINKS:
        return None
    if well_formed(name):
        return _follow(name, number, signs)
    return _follow_shared(name, number, count=not signs.signals & MACHINES) if name.isascii() else None


def _follow(token: str, number: int, signs: Signs) -> str | None:
    now = timezone.now()
    wanted = [time_value(now - COUNTED_FOR), number, token_hash(token)]
    if is_postgres():
        network = -1 if signs.network is None else signs.network
        rows = returning_at_once(FOLLOW, [*wanted, time_value(now), signs.signals, network])
        return rows[0][0] if rows else None
    for delivery, link, url, agreed in returning(FOUND.format("%s"), wanted):
        if agreed:
            Hit.objects.create(
                delivery_id=delivery,
                link_id=link,
                what=Hit.What.CLICK,
                at=now,
                signals=signs.signals,
                network=signs.network,
            )
        return url
    return None


def _follow_shared(period: str, number: int, *, count: bool) -> str | None:
    now = timezone.now()
    wanted = [time_value(now - COUNTED_FOR), number, period]
    day = timezone.localdate(now).isoformat()
    if is_postgres():
        rows = returning_at_once(FOLLOW_SHARED, [*wanted, day, count])
        return rows[0][0] if rows else None
    for link, url, counted in returning(SHARED.format("%s"), wanted):
        if count and counted:
            changed(ONE_MORE.format("VALUES (%s, %s, 1)"), [link, day])
        return url
    return None


def record_open(token: str, signs: Signs = NONE) -> None:
    """Keep an open, if the member agrees to that today. Unknown tokens are nobody's business."""
    _note(token, Hit.What.OPEN, "track_opens", signs)


def record_look(token: str, signs: Signs = NONE) -> None:
    """Keep until judged that the page behind the unsubscribe link was fetched, if the member agrees to have clicks
    measured: who fetches it together with other links is a machine that follows them all."""
    _note(token, Hit.What.LEAVE, "track_clicks", signs)


def _note(token: str, what: Hit.What, switch: str, signs: Signs) -> None:
    if not well_formed(token):
        return
    now = timezone.now()
    values = [what.value, time_value(now), signs.signals, -1 if signs.network is None else signs.network]
    changed(_noted(switch), [*values, token_hash(token), time_value(now - COUNTED_FOR)])


def _noted(switch: str) -> str:
    if is_postgres():
        types = {"what": "%s::varchar", "time": "%s::timestamptz", "small": "%s::smallint"}
        return NOTED.format(**types, number="nullif(%s::integer, -1)", switch=switch, relaxed=may_be_lost())
    return NOTED.format(what="%s", time="%s", small="%s", number="nullif(%s, -1)", switch=switch, relaxed="")
