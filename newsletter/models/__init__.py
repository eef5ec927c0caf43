from newsletter.models.approval import Approval, Schedule, SecondPersonTask, SeenEditions, SenderCheck
from newsletter.models.delivery import AgedToken, Delivery
from newsletter.models.edition import Edition, EditionAudience, EditionItem, Link, Prepared
from newsletter.models.engagement import Hit, ProviderEvent, RawReport
from newsletter.models.flow import DayCount, Pace, Throttle
from newsletter.models.issue import ENewsPage, Issue
from newsletter.models.item import Item
from newsletter.models.mailing import CertificateRecord, Mailing
from newsletter.models.settings import NewsletterSettings

__all__ = [
    "AgedToken",
    "Approval",
    "CertificateRecord",
    "DayCount",
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
    "Pace",
    "Prepared",
    "ProviderEvent",
    "RawReport",
    "Schedule",
    "SecondPersonTask",
    "SeenEditions",
    "SenderCheck",
    "Throttle",
]
