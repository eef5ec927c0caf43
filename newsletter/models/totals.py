"""Totals: what the reports read, added up from ledger, provider events and hits (`adding_up.py`)."""

from django.db import models


class Rollup(models.Model):
    """How far the totals of one issue are: when they were counted, and whether anything has come in since."""

    issue = models.OneToOneField("newsletter.Issue", primary_key=True, on_delete=models.CASCADE, related_name="rollup")
    stale_since = models.DateTimeField(null=True, db_index=True)  # something has come in that is not counted yet
    counted_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)  # the raw hits have gone: never counted again

    def __str__(self) -> str:
        return f"Rollup of issue {self.pk}"


class Total(models.Model):
    """One row of a report: an issue, and in it an edition, a sector, a region, a kind, an item or a day.

    People are counted by what is surest of them: whoever opened once as a person is an opener, however often machines
    looked as well. `openers_machine` and `openers_unknown` are those of whom nothing better is known. Hits that are not
    judged yet count as unknown. Cells under ten people are hidden when shown, and empty once the rollup is closed.
    """

    class Dimension(models.TextChoices):
        ISSUE = "issue", "The whole issue"  # key ""
        EDITION = "edition", "Edition"  # key: the edition's id
        SECTOR = "sector", "Sector"  # key: the sector's slug; whoever has several counts in each
        REGION = "region", "Region"  # key: the region's slug; "national" for members without one
        KIND = "kind", "Kind"  # key: the kind; the people who were sent an item of it
        ITEM = "item", "Item"  # key: the item's id; the people who were sent it
        DAY = "day", "Day"  # key: the day in London, such as 2026-11-05, on which the hits came
        # What works for whom. Key: the sector's slug, a slash, and the kind or the item's id.
        SECTOR_KIND = "sector_kind", "Sector and kind"
        SECTOR_ITEM = "sector_item", "Sector and item"
        # With the newest issue: members by how many of the latest issues they opened and followed (`engaging.py`).
        # Key: that number, a slash, and the sector's slug; nothing after it for everybody.
        ENGAGED = "engaged", "Engagement"

    issue = models.ForeignKey("newsletter.Issue", on_delete=models.CASCADE, related_name="totals")
    dimension = models.CharField(max_length=11, choices=Dimension.choices)
    key = models.CharField(max_length=60, blank=True)
    # People.
    sent = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    bounced = models.PositiveIntegerField(default=0)
    complained = models.PositiveIntegerField(default=0)
    departed = models.PositiveIntegerField(default=0)  # left by the link of this mail
    agreed_opens = models.PositiveIntegerField(default=0)  # of those sent: agreed to have opens measured
    agreed_clicks = models.PositiveIntegerField(default=0)
    openers_human = models.PositiveIntegerField(default=0)
    openers_machine = models.PositiveIntegerField(default=0)
    openers_unknown = models.PositiveIntegerField(default=0)
    clickers_human = models.PositiveIntegerField(default=0)
    clickers_machine = models.PositiveIntegerField(default=0)
    clickers_unknown = models.PositiveIntegerField(default=0)
    # Hits.
    opens_human = models.PositiveIntegerField(default=0)
    opens_machine = models.PositiveIntegerField(default=0)
    opens_unknown = models.PositiveIntegerField(default=0)
    clicks_human = models.PositiveIntegerField(default=0)
    clicks_machine = models.PositiveIntegerField(default=0)
    clicks_unknown = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issue", "dimension", "key"], name="total_once"),
        ]
        indexes = [models.Index(fields=["dimension", "key", "issue"], name="total_over_time")]

    def __str__(self) -> str:
        return f"Total of issue {self.issue_id}: {self.dimension} {self.key}"
