from newsletter.models.delivery import AgedToken, Delivery
from newsletter.models.edition import Edition, EditionAudience, EditionItem, Link
from newsletter.models.engagement import Hit, ProviderEvent
from newsletter.models.issue import ENewsPage, Issue, Item
from newsletter.models.mailing import Mailing
from newsletter.models.settings import NewsletterSettings

__all__ = [
    "AgedToken",
    "Delivery",
    "ENewsPage",
    "Edition",
    "EditionAudience",
    "EditionItem",
    "Hit",
    "Issue",
    "Item",
    "Link",
    "Mailing",
    "NewsletterSettings",
    "ProviderEvent",
]
