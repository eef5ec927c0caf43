from membership.models.audience import Audience
from membership.models.consent import ConsentRecord
from membership.models.member import Member
from membership.models.subscription import Subscription
from membership.models.suppression import Suppression
from membership.models.user import User

__all__ = ["Audience", "ConsentRecord", "Member", "Subscription", "Suppression", "User"]
