"""What search looks at: one row of plain text for each entry, kept up by `cms/indexing.py`."""

from django.db import models


class SearchText(models.Model):
    """An entry's words, without markup. `0002_search` adds the full-text index of the database at hand.

    A case study's body and the facts only members read are not in it: whoever can search could otherwise ask for a
    member's words one by one.
    """

    entry = models.OneToOneField("cms.Entry", primary_key=True, on_delete=models.CASCADE, related_name="search_text")
    title = models.TextField()
    summary = models.TextField()
    organisation = models.TextField()
    area = models.TextField()  # area covered, place of an event, names of regions
    body = models.TextField()

    def __str__(self) -> str:
        return self.title
