from cms.models.care import AssuranceRequest, FruitlessSearch
from cms.models.consortia import ConsortiaPage, Consortium
from cms.models.enquiry import Enquiry
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
from cms.models.message import Message
from cms.models.pages import DirectoryPage, HomePage, StandardPage
from cms.models.running import Disarmed, Installation
from cms.models.search import SearchFacets, SearchText, SearchWord
from cms.models.submission import Submission
from cms.models.taxonomies import AgeGroup, Region, Sector, Topic

__all__ = [
    "EVIDENCE",
    "READERS",
    "AgeGroup",
    "AssuranceRequest",
    "CaseStudy",
    "CheckedLink",
    "ConsortiaPage",
    "Consortium",
    "DirectoryPage",
    "Disarmed",
    "Enquiry",
    "Entry",
    "Event",
    "FruitlessSearch",
    "Funding",
    "HomePage",
    "Installation",
    "Kind",
    "Message",
    "Policy",
    "Region",
    "Research",
    "Resource",
    "SearchFacets",
    "SearchText",
    "SearchWord",
    "Sector",
    "Service",
    "StandardPage",
    "Submission",
    "Topic",
    "Training",
]
