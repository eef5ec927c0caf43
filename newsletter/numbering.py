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


def links_in_mail(issues: set[int]) -> dict[tuple[int, str], int]:
    """The links of these issues by issue and the address that the mails hold: two queries."""
    if not issues:
        return {}
    rows = Link.objects.filter(issue__in=issues).order_by("-number")
    numbered = {
        (issue, number): (pk, url) for pk, issue, number, url in rows.values_list("pk", "issue", "number", "url")
    }
    changes = PageLogEntry.objects.filter(page__in=issues, action=RETARGETED).order_by("-timestamp", "-pk")
    for change in changes:  # the oldest counts
        place = (change.page_id, change.data["number"])
        if place in numbered:
            numbered[place] = (numbered[place][0], change.data["old"])
    return {(issue, url): pk for (issue, _), (pk, url) in numbered.items()}
