from membership.models.audience import Audience
from membership.models.complaint import Complaint
from membership.models.consent import ConsentRecord
from membership.models.member import Member
from membership.models.saved import SavedEntry, SavedSearch
from membership.models.subscription import Subscription
from membership.models.suppression import Suppression
from membership.models.user import User

__all__ = [
    "Audience",
    "Complaint",
    "ConsentRecord",
    "Member",
    "SavedEntry",
    "SavedSearch",
    "Subscription",
    "Suppression",
    "User",
]
