"""The four taxonomies that entries are tagged with; members choose their own from sectors and regions."""

from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.search import index


class Term(models.Model):
    """One word of a taxonomy: what people read (`name`) and what addresses use (`slug`)."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=40, unique=True, help_text="Used in addresses; leave it alone once published.")
    order = models.PositiveSmallIntegerField(default=0, help_text="Lower numbers come first.")

    panels = [FieldPanel("name"), FieldPanel("slug"), FieldPanel("order")]

    class Meta:
        abstract = True
        ordering = ["order", "name"]

    def __str__(self) -> str:
        return self.name


class Sector(index.Indexed, Term):
    """A professional field, such as probation or health. An entry without sectors is for everyone."""

    short_name = models.CharField(max_length=24, help_text="For small places: “For: Health, Schools”.")

    panels = [*Term.panels, FieldPanel("short_name")]


class Region(index.Indexed, Term):
    """One of the nine English regions. An entry without regions is national."""


class Topic(index.Indexed, Term):
    """What an entry is about, such as visits or mental health."""


class AgeGroup(index.Indexed, Term):
    """The ages of the children an entry concerns."""
