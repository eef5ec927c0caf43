"""Tallies: the statements that count an issue (`adding_up.py`), the same on PostgreSQL and SQLite.

The hits of the issue are read once into a temporary table, and from them and the ledger one row is made for each
person the issue was sent to. Every dimension is a sum over these. What belongs to no row of a dimension is left out of
it, such as the sector of a member who was erased.
"""

from collections.abc import Iterator

from django.db import connection
from django.utils import timezone

from newsletter.models import Total
from newsletter.sql import is_postgres, run

HITS, PEOPLE, CLICKS = "adding_up_hits", "adding_up_people", "adding_up_clicks"
VERDICTS = ("human", "machine", "unknown")
# People first, then hits. Those about clicks are apart: by kind and by item they are the clicks on that item.
LEDGER = ("sent", "delivered", "bounced", "complained", "departed", "agreed_opens", "agreed_clicks")
OPENS = tuple(f"{what}_{verdict}" for what in ("openers", "opens") for verdict in VERDICTS)
FOLLOWED = tuple(f"{what}_{verdict}" for what in ("clickers", "clicks") for verdict in VERDICTS)
FIGURES = (*LEDGER, *OPENS, *FOLLOWED)

ARRIVED = "('delivered', 'opened', 'clicked', 'complained')"
NOT_TAKEN = "('bounced', 'rejected', 'failed')"  # of these, those with a verdict are bounces (`alarming.py`)
SECTORS = """
    JOIN membership_member_sectors ms ON ms.member_id = p.member
    JOIN cms_sector s ON s.id = ms.sector_id
"""


def insert_totals(issue: int) -> None:
    """Write the totals of an issue, of which there are none. To be called within a transaction."""
    _make_tables(issue)
    columns = ", ".join(FIGURES)
    for dimension, select in _selects():
        run(
            f"INSERT INTO newsletter_total (issue_id, dimension, key, {columns}) "  # noqa: S608  our own words
            f"SELECT %s, %s, found.* FROM ({select}) AS found",
            [issue, dimension.value],
        )
    _drop_tables()


def _make_tables(issue: int) -> None:
    """Tables that only this connection sees."""
    date, zones = connection.ops.datetime_cast_date_sql("h.at", (), timezone.get_default_timezone_name())
    _drop_tables()
    for name, select, params in (
        (HITS, HIT_ROWS.format(date=date), [*zones, issue]),
        (PEOPLE, PERSON_ROWS, [issue, issue]),
        (CLICKS, CLICK_ROWS, []),
    ):
        run(f"CREATE TEMPORARY TABLE {name} AS {select}", params)
        if is_postgres():
            run(f"ANALYZE {name}")


def _drop_tables() -> None:
    for name in (HITS, PEOPLE, CLICKS):
        run(f"DROP TABLE IF EXISTS {name}")


def _selects() -> Iterator[tuple[Total.Dimension, str]]:
    """For each dimension a SELECT of its keys and, in their order, the figures."""
    dimension = Total.Dimension
    yield dimension.ISSUE, _sums("''", group=False)
    yield dimension.EDITION, _sums("CAST(p.edition AS varchar(20))")
    yield dimension.REGION, _sums("p.region", where="p.region IS NOT NULL")
    yield dimension.SECTOR, _sums("s.slug", SECTORS)
    yield dimension.DAY, DAYS
    for within, join in (("", ""), ("sector_", SECTORS)):
        yield dimension(f"{within}kind"), _of_items("section", join)
        yield dimension(f"{within}item"), _of_items("item", join)


def _sums(key: str, join: str = "", *, where: str = "true", group: bool = True) -> str:
    columns = ", ".join(f"coalesce(sum(p.{name}), 0)" for name in FIGURES)
    grouped = f"GROUP BY {key}" if group else ""
    return f"SELECT {key}, {columns} FROM {PEOPLE} p {join} WHERE {where} {grouped}"  # noqa: S608


def _of_items(what: str, join: str) -> str:
    """Figures by item or by section, within sectors where these are joined. The people are those whose edition holds
    it, each once; clicks are those on its own links."""
    prefix = "s.slug || '/'" if join else "''"
    place = "i.id" if what == "item" else "i.section"
    people = ", ".join(f"sum(p.{name}) AS {name}" for name in (*LEDGER, *OPENS))
    together = ", ".join(f"sum(b.{name})" for name in (*LEDGER, *OPENS))
    clicks = ", ".join(f"sum(p.{name}) AS {name}" for name in FOLLOWED)
    found = ", ".join(f"coalesce(max(f.{name}), 0)" for name in FOLLOWED)
    return f"""
        SELECT b.prefix || CAST(k.what AS varchar(20)), {together}, {found}
        FROM (SELECT {prefix} AS prefix, p.edition, {people} FROM {PEOPLE} p {join} GROUP BY 1, 2) b
        JOIN (
            SELECT DISTINCT ei.edition_id AS edition, {place} AS what
            FROM newsletter_editionitem ei JOIN newsletter_item i ON i.id = ei.item_id
            WHERE ei.edition_id IN (SELECT edition FROM {PEOPLE}) AND i.section <> ''
        ) k ON k.edition = b.edition
        LEFT JOIN (
            SELECT {prefix} AS prefix, p.what, {clicks}
            FROM (
                SELECT delivery, member, {what} AS what, {_persons("human", "machine", "unknown", "clickers")},
                    sum(human) AS clicks_human, sum(machine) AS clicks_machine, sum(unknown) AS clicks_unknown
                FROM {CLICKS} GROUP BY delivery, member, {what}
            ) p {join}
            GROUP BY 1, 2
        ) f ON f.prefix = b.prefix AND f.what = k.what
        GROUP BY b.prefix, k.what
    """  # noqa: S608


def _persons(human: str, machine: str, unknown: str, name: str, total: str = "sum({})") -> str:
    """One person by the surest verdict on their hits, from the columns that count these."""
    human, machine, unknown = (f"coalesce({total.format(one)}, 0)" for one in (human, machine, unknown))
    return f"""
        CASE WHEN {human} > 0 THEN 1 ELSE 0 END AS {name}_human,
        CASE WHEN {human} = 0 AND {unknown} = 0 AND {machine} > 0 THEN 1 ELSE 0 END AS {name}_machine,
        CASE WHEN {human} = 0 AND {unknown} > 0 THEN 1 ELSE 0 END AS {name}_unknown
    """


def _hits_of(what: str) -> str:
    """Columns that count the hits of one sort by verdict."""
    return ", ".join(
        f"sum(CASE WHEN what = '{what}' AND verdict = '{verdict}' THEN number ELSE 0 END) AS {what}s_{verdict}"
        for verdict in VERDICTS
    )


# One row for each delivery, link, day and verdict. A hit that is not judged yet is unknown.
HIT_ROWS = """
    SELECT h.delivery_id AS delivery, h.link_id AS link, h.what,
        CASE h.verdict WHEN '' THEN 'unknown' ELSE h.verdict END AS verdict,
        CAST({date} AS varchar(10)) AS day, count(*) AS number
    FROM newsletter_delivery d
    JOIN newsletter_hit h ON h.delivery_id = d.id
    WHERE d.issue_id = %s AND d.state = 'sent' AND h.what IN ('open', 'click')
    GROUP BY 1, 2, 3, 4, 5
"""

# One row for each person the issue was sent to. Whoever has hits agreed when they came, even if not any more: who
# withdraws may have them deleted, and then they are in no total.
PERSON_ROWS = f"""
    SELECT d.id AS delivery, d.edition_id AS edition, d.member_id AS member,
        CASE WHEN d.member_id IS NULL THEN NULL ELSE coalesce(r.slug, 'national') END AS region,
        1 AS sent,
        coalesce(e.delivered, 0) AS delivered, coalesce(e.bounced, 0) AS bounced,
        coalesce(e.complained, 0) AS complained,
        CASE WHEN left_by.delivery_id IS NULL THEN 0 ELSE 1 END AS departed,
        CASE WHEN s.track_opens OR h.opens_human + h.opens_machine + h.opens_unknown > 0 THEN 1 ELSE 0 END
            AS agreed_opens,
        CASE WHEN s.track_clicks OR h.clicks_human + h.clicks_machine + h.clicks_unknown > 0 THEN 1 ELSE 0 END
            AS agreed_clicks,
        {_persons("h.opens_human", "h.opens_machine", "h.opens_unknown", "openers", "{}")},
        {_persons("h.clicks_human", "h.clicks_machine", "h.clicks_unknown", "clickers", "{}")},
        {", ".join(f"coalesce(h.{what}s_{one}, 0) AS {what}s_{one}" for what in ("open", "click") for one in VERDICTS)}
    FROM newsletter_delivery d
    LEFT JOIN membership_member m ON m.id = d.member_id
    LEFT JOIN cms_region r ON r.id = m.region_id
    LEFT JOIN membership_subscription s ON s.member_id = m.id
    LEFT JOIN newsletter_departure left_by ON left_by.delivery_id = d.id
    LEFT JOIN (SELECT delivery, {_hits_of("open")}, {_hits_of("click")} FROM {HITS} GROUP BY delivery) h
        ON h.delivery = d.id
    LEFT JOIN (
        SELECT pe.delivery_id,
            max(CASE WHEN pe.event_type IN {ARRIVED} THEN 1 ELSE 0 END) AS delivered,
            max(CASE WHEN pe.event_type IN {NOT_TAKEN} AND pe.verdict <> '' THEN 1 ELSE 0 END) AS bounced,
            max(CASE WHEN pe.event_type = 'complained' THEN 1 ELSE 0 END) AS complained
        FROM newsletter_delivery de
        JOIN newsletter_providerevent pe ON pe.delivery_id = de.id
        WHERE de.issue_id = %s AND de.state = 'sent'
        GROUP BY pe.delivery_id
    ) e ON e.delivery_id = d.id
    WHERE d.issue_id = %s AND d.state = 'sent'
"""  # noqa: S608

# One row for each person and item of theirs that they followed. Links of other people's editions are none of theirs.
CLICK_ROWS = f"""
    SELECT p.delivery, p.member, l.item_id AS item, i.section,
        sum(CASE h.verdict WHEN 'human' THEN h.number ELSE 0 END) AS human,
        sum(CASE h.verdict WHEN 'machine' THEN h.number ELSE 0 END) AS machine,
        sum(CASE h.verdict WHEN 'unknown' THEN h.number ELSE 0 END) AS unknown
    FROM {HITS} h
    JOIN {PEOPLE} p ON p.delivery = h.delivery
    JOIN newsletter_link l ON l.id = h.link
    JOIN newsletter_item i ON i.id = l.item_id
    JOIN newsletter_editionitem ei ON ei.edition_id = p.edition AND ei.item_id = l.item_id
    WHERE h.what = 'click'
    GROUP BY p.delivery, p.member, l.item_id, i.section
"""  # noqa: S608

# By day only hits, and the people who made them, are counted.
DAYS = f"""
    SELECT d.day, {", ".join("0" for _ in LEDGER)},
        {", ".join(f"coalesce(sum(d.{name}), 0)" for name in (*OPENS, *FOLLOWED))}
    FROM (
        SELECT o.day, o.delivery,
            {_persons("o.opens_human", "o.opens_machine", "o.opens_unknown", "openers", "{}")},
            {_persons("o.clicks_human", "o.clicks_machine", "o.clicks_unknown", "clickers", "{}")},
            {", ".join(f"o.{what}s_{one}" for what in ("open", "click") for one in VERDICTS)}
        FROM (SELECT day, delivery, {_hits_of("open")}, {_hits_of("click")} FROM {HITS} GROUP BY day, delivery) o
    ) d
    GROUP BY d.day
"""  # noqa: S608
