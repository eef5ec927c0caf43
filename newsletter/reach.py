"""How many members an issue may reach, said before anything irreversible is done."""

from django.db.models import F

from membership.models import Subscription
from newsletter.models import Delivery, Issue


def mailable(issue: Issue) -> int:
    """Members who would be mailed at most, were it frozen now: active, and not suppressed. Of a correction, those of
    them who received what it corrects. Who has nothing in it, or waits for the quarter's issue, is still counted."""
    active = Subscription.objects.entitled()
    if issue.is_correction:
        # By issue too: no index of deliveries begins with the edition.
        sent = Delivery.objects.filter(state=Delivery.State.SENT, issue=F("edition__issue"))
        active = active.filter(member__in=sent.filter(edition__places__item=issue.corrects_id).values("member"))
    return active.count()
