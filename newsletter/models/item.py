"""`Item`: one entry in an issue, and how the items of a draft are read."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.forms import CheckboxSelectMultiple
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from modelcluster.models import ClusterableModel
from wagtail.admin.panels import FieldPanel, FieldRowPanel, PageChooserPanel
from wagtail.images import get_image_model
from wagtail.models import Orderable

from cms.models import Entry, Kind, Sector


class Item(Orderable, ClusterableModel):
    """One entry in an issue, with whatever the editor changed about it."""

    issue = ParentalKey("newsletter.Issue", on_delete=models.CASCADE, related_name="items")
    page = models.ForeignKey(
        Entry, null=True, on_delete=models.SET_NULL, related_name="carried_in", verbose_name="entry"
    )
    # The day the entry was announced (`Entry.announced_on`): an updated entry may be carried once more.
    announcement = models.DateField(editable=False)
    section = models.CharField(max_length=12, choices=Kind.choices, blank=True, help_text="Empty: its entry’s kind.")
    headline = models.CharField(max_length=120, blank=True, help_text="Instead of the entry’s title.")
    summary = models.TextField(max_length=300, blank=True, help_text="Instead of the entry’s summary.")
    sectors = ParentalManyToManyField("cms.Sector", blank=True, help_text="Instead of the entry’s sectors.")
    image = models.ForeignKey(
        "wagtailimages.Image",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Shown above the headline. Most mailboxes hide images at first: it must not be needed.",
    )
    image_alt = models.CharField(
        "what the image shows",
        max_length=160,
        blank=True,
        help_text="Read out to those who cannot see it. Every image needs it.",
    )
    pinned = models.BooleanField(default=False, help_text="Shown first to everyone it is for, and never cut.")
    left_out = models.BooleanField("leave out", default=False, help_text="Carried by no edition, this month or later.")

    panels = [
        PageChooserPanel("page", required_on_save=True),
        FieldRowPanel([FieldPanel("section"), FieldPanel("pinned"), FieldPanel("left_out")]),
        FieldPanel("headline"),
        FieldPanel("summary"),
        FieldRowPanel([FieldPanel("image"), FieldPanel("image_alt")]),
        FieldPanel("sectors", widget=CheckboxSelectMultiple),
    ]

    class Meta(Orderable.Meta):
        constraints = [
            models.UniqueConstraint(fields=["page", "announcement"], name="item_one_per_page_across_issues"),
        ]

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        """An item added by hand announces what its entry last announced, and stands among its entry's kind."""
        if self.page and not self.announcement:
            self.announcement = self.page.announced_on or self.issue.month.first_day
        if self.page and not self.section:
            self.section = self.page.kind
        super().full_clean(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        # The form leaves the announcement out, and so does Django's check of what is unique with it.
        same = Item.objects.filter(page=self.page_id, announcement=self.announcement).exclude(pk=self.pk)
        if self.page_id and same.exists():
            raise ValidationError({"page": "An e-news carries this entry already: choose another."})
        if self.image_id and not self.image_alt.strip():
            raise ValidationError({"image_alt": "Say in a few words what the image shows, or take it out."})

    def __str__(self) -> str:
        return self.headline or (self.page.title if self.page else f"Item {self.pk}")


def load_items(kept: Iterable[dict[str, Any]]) -> list[Item]:
    """Items as a revision keeps them, without what has been deleted since: three queries, however many there are."""
    kept = list(kept)
    pages = _existing(Entry, [one.get("page") for one in kept])
    images = _existing(get_image_model(), [one.get("image") for one in kept])
    sectors = Sector.objects.in_bulk([pk for one in kept for pk in one.get("sectors") or []])
    items = []
    for one in kept:
        page, image = one.get("page"), one.get("image")
        words = {name: value for name, value in one.items() if name != "sectors"}
        words |= {"page": page if page in pages else None, "image": image if image in images else None}
        item: Item = Item.from_serializable_data(words, check_fks=False)
        item.sectors = [sectors[pk] for pk in one.get("sectors") or [] if pk in sectors]
        items.append(item)
    return items


def _existing(model: Any, ids: Iterable[int | None]) -> set[int]:
    wanted = [pk for pk in ids if pk]
    return set(model.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
