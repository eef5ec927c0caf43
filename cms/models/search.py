"""What search looks at, of each live entry: its words, and what it is narrowed and sorted by. Kept up by
`cms/indexing.py`; ADR 16 says why."""

from django.db import models


class SearchText(models.Model):
    """A live entry's words, without markup. `0002_search` adds the full-text index of the database at hand.

    A case study's body, its publisher and the facts only members read are not in it: whoever can search could
    otherwise ask for a member's words one by one.
    """

    entry = models.OneToOneField("cms.Entry", primary_key=True, on_delete=models.CASCADE, related_name="search_text")
    title = models.TextField()
    summary = models.TextField()
    organisation = models.TextField()
    area = models.TextField()  # area covered, place of an event, names of regions
    body = models.TextField()

    def __str__(self) -> str:
        return self.title


class SearchFacets(models.Model):
    """What a live entry is narrowed and sorted by, in one narrow row: counting all of them is a matter of milliseconds.

    The terms of a taxonomy are the slugs in one text, such as “ health schools ” (spaces around each); it is empty for
    an entry that is for everyone, national, or for all ages.
    """

    entry = models.OneToOneField("cms.Entry", primary_key=True, on_delete=models.CASCADE, related_name="search_facets")
    kind = models.CharField(max_length=12)
    reader = models.CharField(max_length=16)
    sectors = models.TextField()
    regions = models.TextField()
    topics = models.TextField()
    age_groups = models.TextField()
    title = models.CharField(max_length=255)  # to sort by: in lower case, without signs
    published_at = models.DateTimeField(null=True)
    key_date = models.DateField(null=True)

    class Meta:
        verbose_name_plural = "search facets"

    def __str__(self) -> str:
        return self.title


class SearchWord(models.Model):
    """A word that some entry holds, as it is written: what a misspelt one may have been meant to be."""

    word = models.CharField(max_length=60, primary_key=True)

    def __str__(self) -> str:
        return self.word
