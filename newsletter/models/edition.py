"""`Edition`: the version of an issue that one audience gets, rendered once when the issue is frozen."""

from django.db import models


class Edition(models.Model):
    """A distinct, ordered list of items, with the mail made of it. Two slots in it wait for the recipient."""

    issue = models.ForeignKey("newsletter.Issue", on_delete=models.CASCADE, related_name="editions")
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=200)  # the audience it was first made for, in words
    more_count = models.PositiveIntegerField(default=0)
    subject = models.CharField(max_length=200)
    html = models.TextField()
    text = models.TextField()
    content_hash = models.CharField(max_length=64)  # SHA-256 of subject, html and text

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "number"], name="edition_number_once_per_issue")]

    def __str__(self) -> str:
        return f"Edition {self.number}: {self.label}"


class Prepared(models.Model):
    """The finished message of an edition in one variant, encoded once, with its slots (`skeletons.py`)."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="prepared")
    clicks = models.BooleanField()  # links lead through /l/…, for readers who agreed to have clicks measured
    opens = models.BooleanField()  # holds a pixel, for readers who agreed to have opens measured
    content = models.BinaryField()  # bytes of the MIME message; slots stand as NUL name NUL
    content_hash = models.CharField(max_length=64)  # SHA-256 of content

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edition", "clicks", "opens"], name="prepared_once_per_variant")]

    def __str__(self) -> str:
        return f"Prepared {self.pk} of edition {self.edition_id}"


class EditionItem(models.Model):
    """The place of an item in an edition."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="places")
    item = models.ForeignKey("newsletter.Item", null=True, on_delete=models.SET_NULL, related_name="places")
    place = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["edition", "place"], name="edition_place_once"),
            models.UniqueConstraint(fields=["edition", "item"], name="edition_item_once"),
        ]


class EditionAudience(models.Model):
    """Which edition an audience gets; none when nothing in the issue is for it."""

    issue = models.ForeignKey("newsletter.Issue", on_delete=models.CASCADE, related_name="+")
    audience = models.ForeignKey("membership.Audience", on_delete=models.CASCADE, related_name="+")
    edition = models.ForeignKey(Edition, null=True, on_delete=models.CASCADE, related_name="audiences")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "audience"], name="edition_one_per_audience")]


class Link(models.Model):
    """A numbered link of an issue: `/l/<token>/<number>` leads to `url`, and nowhere else."""

    issue = models.ForeignKey("newsletter.Issue", on_delete=models.CASCADE, related_name="links")
    number = models.PositiveSmallIntegerField()
    url = models.URLField(max_length=500)
    item = models.ForeignKey("newsletter.Item", null=True, on_delete=models.SET_NULL, related_name="links")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "number"], name="link_number_once_per_issue")]
