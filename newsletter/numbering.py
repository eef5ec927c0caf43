"""Which address each numbered link of an issue had in the mails. `Link.url` is where it leads today, which an editor
may have changed since (`retargeting.py`); the mails do not change."""

from wagtail.models import PageLogEntry

from newsletter.models import Link

RETARGETED = "newsletter.retarget"  # the entry of an issue's log that holds a link's number, old and new address


def addresses_in_mail(issue: int) -> dict[int, str]:
    """The address of each link as it was frozen, by its number: two queries."""
    addresses = dict(Link.objects.filter(issue=issue).values_list("number", "url"))
    changes = PageLogEntry.objects.filter(page=issue, action=RETARGETED).order_by("-timestamp", "-pk")
    return addresses | {change.data["number"]: change.data["old"] for change in changes}  # the oldest counts
