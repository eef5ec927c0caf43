"""Announcements: what an editor tells everybody in an issue, besides its items. Each kind is a block with a preview."""

from datetime import date
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from wagtail import blocks

TEXT_FEATURES = ["bold", "italic", "link"]


class AnnouncementBlock(blocks.StructBlock):
    heading = blocks.CharBlock(max_length=100)
    text = blocks.RichTextBlock(features=TEXT_FEATURES, max_length=1000)
    link = blocks.URLBlock(required=False, max_length=500)
    link_text = blocks.CharBlock(required=False, max_length=60, help_text="What the button says: “Read the guide”.")

    class Meta:
        icon = "warning"
        label = "Announcement"
        description = "A heading, a few sentences and, if you like, a button."
        preview_template = "newsletter/blocks/announcement_preview.html"
        preview_value: ClassVar[dict[str, str]] = {
            "heading": "The helpline is closed on 25 and 26 December",
            "text": "<p>Messages left on those days are answered on the 27th.</p>",
            "link": "https://example.org/helpline/",
            "link_text": "Helpline hours",
        }

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        if bool(cleaned["link"]) != bool(cleaned["link_text"]):
            missing = "link_text" if cleaned["link"] else "link"
            sentence = "A button needs both an address and the words on it."
            raise blocks.StructBlockValidationError({missing: ValidationError(sentence)})
        return cleaned


class DateBlock(blocks.StructBlock):
    day = blocks.DateBlock()
    what = blocks.CharBlock(max_length=160)
    link = blocks.URLBlock(required=False, max_length=500)

    class Meta:
        icon = "calendar"
        label = "Date to note"
        description = "A day and what happens on it, shown as a leaf of a calendar."
        preview_template = "newsletter/blocks/date_preview.html"
        preview_value: ClassVar[dict[str, Any]] = {
            "day": date(2026, 12, 4),
            "what": "National conference on children with a parent in prison, Leeds",
            "link": "https://example.org/conference/",
        }


class FigureBlock(blocks.StructBlock):
    number = blocks.CharBlock(max_length=20, help_text="Such as “39 %” or “200,000”.")
    text = blocks.CharBlock(max_length=200, help_text="What the number says, in one sentence.")
    source = blocks.CharBlock(required=False, max_length=120)

    class Meta:
        icon = "order-up"
        label = "Figure"
        description = "One number that matters, what it says, and where it is from."
        preview_template = "newsletter/blocks/figure_preview.html"
        preview_value: ClassVar[dict[str, str]] = {
            "number": "39 %",
            "text": "Prisoners who are visited by their family are so much less likely to reoffend.",
            "source": "i-HOP",
        }


class AnnouncementsBlock(blocks.StreamBlock):
    announcement = AnnouncementBlock()
    date = DateBlock()
    figure = FigureBlock()

    class Meta:
        max_num = 5
        required = False
