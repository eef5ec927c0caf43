"""The pre-flight of an issue: everything that was found, how fresh it is, and the buttons that look again."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST
from wagtail.log_actions import log

from cms import links
from cms.models import CheckedLink
from newsletter import tasks
from newsletter.desk.access import issue_context, latest_draft, staff, visible_issue
from newsletter.models import Issue, SenderCheck
from newsletter.preflight import Finding, Level, links_to_check, preflight
from newsletter.sender_domain import AT_MOST, domain_of, sender_address

PAGE = "newsletter_preflight"
PATIENCE = 300  # seconds after which the page says that nothing seems to be at work
SECONDS = 2  # between two looks at the progress


def overview(request: HttpRequest, issue_id: int) -> HttpResponse:
    """All findings by level, and when links and the sender's domain were last looked at."""
    issue = visible_issue(request, issue_id)
    found = preflight(latest_draft(issue))
    sender = SenderCheck.objects.filter(domain=domain_of(sender_address())).first()
    context = issue_context(request, issue, PAGE, "Pre-flight") | _links(issue) | _progress(request, issue)
    context |= {"findings": found, "counts": _counts(found), "sender": sender, "domain": domain_of(sender_address())}
    return render(request, "newsletter/admin/preflight.html", context)


def counts(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Only the number of errors and warnings, for the editor (`static/js/desk_editor.js`)."""
    issue = visible_issue(request, issue_id)
    found = preflight(latest_draft(issue))
    return render(request, "newsletter/admin/preflight_counts.html", {"issue": issue, "counts": _counts(found)})


def progress(request: HttpRequest, issue_id: int) -> HttpResponse:
    """How far the work has come that somebody asked for; once it is done, the page is loaded anew."""
    issue = visible_issue(request, issue_id)
    context = _progress(request, issue)
    response = render(request, "newsletter/admin/preflight_progress.html", {"issue": issue, **context})
    if not context["working"]:
        response["HX-Redirect"] = reverse(PAGE, args=[issue.pk])
    return response


@require_POST
def check_links(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Have every link of the draft followed now."""
    issue = visible_issue(request, issue_id)
    log(issue, "newsletter.check_links", user=staff(request))
    return _begin("links", issue, lambda: tasks.check_links_of.delay_on_commit(issue.pk))


@require_POST
def look_up_sender(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Have the sender's domain looked up now."""
    issue = visible_issue(request, issue_id)
    log(issue, "newsletter.look_up_sender", user=staff(request))
    return _begin("sender", issue, lambda: tasks.look_up_sender.delay_on_commit(by_hand=True))


def _begin(what: str, issue: Issue, enqueue: Any) -> HttpResponse:
    now = timezone.now()
    enqueue()
    return redirect(f"{reverse(PAGE, args=[issue.pk])}?{urlencode({'what': what, 'since': now.isoformat()})}")


def _counts(found: list[Finding]) -> dict[str, int]:
    return {f"{level}s": sum(one.level == level for one in found) for level in Level}


def _links(issue: Issue) -> dict[str, Any]:
    urls = links_to_check(issue)
    looked = [link.checked_at for link in links.known(urls).values() if link.checked_at]
    return {"links": len(urls), "links_checked": len(looked), "links_since": min(looked, default=None)}


def _progress(request: HttpRequest, issue: Issue) -> dict[str, Any]:
    """What somebody asked for is in the page's address, so nothing need be kept of it."""
    what, since = request.GET.get("what", ""), _moment(request.GET.get("since", ""))
    if what not in {"links", "sender"} or not since:
        return {"working": False}
    if what == "links":
        urls = links_to_check(issue)
        hashes = [CheckedLink.hash_of(url) for url in urls]
        done = CheckedLink.objects.filter(url_hash__in=hashes, checked_at__gte=since).count()
    else:
        urls = [domain_of(sender_address())]
        # What is a minute old is not looked up again.
        done = SenderCheck.objects.filter(domain__in=urls, checked_at__gte=since - AT_MOST).count()
    return {
        "working": done < len(urls),
        "what": what,
        "since": since.isoformat(),
        "done": done,
        "total": len(urls),
        "late": (timezone.now() - since).total_seconds() > PATIENCE,
        "seconds": SECONDS,
    }


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and timezone.is_aware(found) else None


urlpatterns = [
    path("<int:issue_id>/preflight/", overview, name=PAGE),
    path("<int:issue_id>/preflight/counts/", counts, name="newsletter_preflight_counts"),
    path("<int:issue_id>/preflight/progress/", progress, name="newsletter_preflight_progress"),
    path("<int:issue_id>/preflight/links/", check_links, name="newsletter_check_links"),
    path("<int:issue_id>/preflight/sender/", look_up_sender, name="newsletter_look_up_sender"),
]
