"""What editors decide once for every issue."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.contrib.settings.models import BaseGenericSetting, register_setting


@register_setting(icon="mail")
class NewsletterSettings(BaseGenericSetting):
    items_per_edition = models.PositiveSmallIntegerField(
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(40)],
        help_text="A reader gets at most this many items; the rest is “n more on the website”.",
    )
    compile_day = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        help_text="The day of the month on which last month’s issue is compiled.",
    )
    announce_since = models.DateField(
        null=True,
        blank=True,
        help_text="Entries announced before this day are never put into an issue. Fill it in when the hub already "
        "holds a directory before the first e-news.",
    )

    panels = [FieldPanel("items_per_edition"), FieldPanel("compile_day"), FieldPanel("announce_since")]

    class Meta:
        verbose_name = "E-news settings"
