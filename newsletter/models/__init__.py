from newsletter.models.approval import Approval, Schedule, SecondPersonTask, SeenEditions, SenderCheck
from newsletter.models.delivery import AgedToken, Delivery
from newsletter.models.edition import Edition, EditionAudience, EditionItem, Link, Prepared
from newsletter.models.engagement import Departure, Hit, LinkCount, ProviderEvent, RawReport
from newsletter.models.flow import DayCount, Pace, Throttle
from newsletter.models.issue import ENewsPage, Issue
from newsletter.models.item import Item
from newsletter.models.mailing import CertificateRecord, Mailing
from newsletter.models.running import Heartbeat, Lease
from newsletter.models.settings import NewsletterSettings
from newsletter.models.totals import Rollup, Total

__all__ = [
    "AgedToken",
    "Approval",
    "CertificateRecord",
    "DayCount",
    "Delivery",
    "Departure",
    "ENewsPage",
    "Edition",
    "EditionAudience",
    "EditionItem",
    "Heartbeat",
    "Hit",
    "Issue",
    "Item",
    "Lease",
    "Link",
    "LinkCount",
    "Mailing",
    "NewsletterSettings",
    "Pace",
    "Prepared",
    "ProviderEvent",
    "RawReport",
    "Rollup",
    "Schedule",
    "SecondPersonTask",
    "SeenEditions",
    "SenderCheck",
    "Throttle",
    "Total",
]
