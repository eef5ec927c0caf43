"""Engaging: how many members opened and followed how many of the latest issues. Never who.

It is counted over the issues whose raw hits are still kept, and only of those who receive the e-news and agree today.
The counts stand with the newest of these issues; with older ones stays what was counted when each was the newest.
"""

from django.db import transaction

from newsletter.models import Issue, Total
from newsletter.sql import hold, run
from newsletter.tallies import FIGURES

LATEST = 6  # issues, at most: as many as there are with their hits
LOCK = 7002
SUMS = {"agreed_opens": "sum(opens)", "agreed_clicks": "sum(clicks)"}  # the two figures that are kept
ENGAGED = Total.Dimension.ENGAGED


def counted_issues() -> list[int]:
    """The issues that count, newest first: the latest monthly ones that were sent and are not closed."""
    issues = Issue.objects.sent().filter(rollup__isnull=False, rollup__closed_at=None).order_by("-period")
    return list(issues.values_list("pk", flat=True)[:LATEST])


@transaction.atomic
def add_up_engagement() -> None:
    """Count it anew, in a fixed number of statements."""
    issues = counted_issues()
    if not issues or not hold(LOCK, 0, wait=False):
        return
    newest = issues[0]
    Total.objects.filter(issue=newest, dimension=ENGAGED).delete()
    run(
        COUNT.format(
            columns=", ".join(FIGURES),
            figures=", ".join(SUMS.get(name, "0") for name in FIGURES),
            places=", ".join(["%s"] * len(issues)),
        ),
        [newest, ENGAGED.value, *issues, *issues],
    )
    # So that every number is there, and with the highest how many issues were looked at.
    numbers = [Total(issue_id=newest, dimension=ENGAGED, key=f"{number}/") for number in range(len(issues) + 1)]
    Total.objects.bulk_create(numbers, ignore_conflicts=True)


# An open that may have been a person's counts, since of most it cannot be told; of clicks only those of people.
COUNT = """
    INSERT INTO newsletter_total (issue_id, dimension, key, {columns})
    SELECT %s, %s, found.* FROM (
        WITH members AS (
            SELECT d.member_id AS member, s.track_opens, s.track_clicks,
                sum(coalesce(h.opened, 0)) AS opened, sum(coalesce(h.followed, 0)) AS followed
            FROM newsletter_delivery d
            JOIN membership_subscription s ON s.member_id = d.member_id
            LEFT JOIN (
                SELECT dh.id AS delivery,
                    max(CASE WHEN hit.what = 'open' AND hit.verdict <> 'machine' THEN 1 ELSE 0 END) AS opened,
                    max(CASE WHEN hit.what = 'click' AND hit.verdict = 'human' THEN 1 ELSE 0 END) AS followed
                FROM newsletter_delivery dh JOIN newsletter_hit hit ON hit.delivery_id = dh.id
                WHERE dh.issue_id IN ({places}) AND dh.state = 'sent'
                GROUP BY dh.id
            ) h ON h.delivery = d.id
            WHERE d.issue_id IN ({places}) AND d.state = 'sent' AND s.state = 'active'
                AND (s.track_opens OR s.track_clicks)
            GROUP BY d.member_id, s.track_opens, s.track_clicks
        ),
        crowds AS (
            SELECT m.*, '' AS crowd FROM members m
            UNION ALL
            SELECT m.*, s.slug AS crowd FROM members m
            JOIN membership_member_sectors ms ON ms.member_id = m.member
            JOIN cms_sector s ON s.id = ms.sector_id
        ),
        places AS (
            SELECT opened AS number, crowd, 1 AS opens, 0 AS clicks FROM crowds WHERE track_opens
            UNION ALL
            SELECT followed, crowd, 0, 1 FROM crowds WHERE track_clicks
        )
        SELECT CAST(number AS varchar(5)) || '/' || crowd, {figures}
        FROM places GROUP BY number, crowd
    ) AS found
"""


def split_key(key: str) -> tuple[int, str]:
    """How many issues, and of which sector: nothing for everybody."""
    number, _, sector = key.partition("/")
    return int(number), sector
