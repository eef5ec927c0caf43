from cms.models.entry import EVIDENCE, READERS, Entry, Kind
from cms.models.kinds import (
    CaseStudy,
    Event,
    Funding,
    Policy,
    Research,
    Resource,
    Service,
    Training,
)
from cms.models.link import CheckedLink
from cms.models.pages import DirectoryPage, HomePage, StandardPage
from cms.models.taxonomies import AgeGroup, Region, Sector, Topic

__all__ = [
    "EVIDENCE",
    "READERS",
    "AgeGroup",
    "CaseStudy",
    "CheckedLink",
    "DirectoryPage",
    "Entry",
    "Event",
    "Funding",
    "HomePage",
    "Kind",
    "Policy",
    "Region",
    "Research",
    "Resource",
    "Sector",
    "Service",
    "StandardPage",
    "Topic",
    "Training",
]
