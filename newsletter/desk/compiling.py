"""Compiling a month from the desk: what would be taken and left out, the button, and what it did."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from wagtail.permission_policies.pages import PagePermissionPolicy

from cms.models import Entry, Kind
from newsletter.compiling import Compiled, Gathered, IssueError, LeftOut, compile_issue, gather
from newsletter.desk.access import staff
from newsletter.models import ENewsPage
from newsletter.periods import Period

PAGE = "newsletter_compile"
MONTHS = 12  # to choose from, the running one included
LISTED = 200  # entries named, of those taken and of each sort left out


@dataclass(frozen=True)
class Group:
    """Entries left out for the same reason."""

    reason: str
    entries: list[LeftOut]


def may_compile(user: Any) -> bool:
    """Whether somebody may shape issues: they change the page beneath which the issues live."""
    archive = ENewsPage.objects.first()
    return bool(archive and PagePermissionPolicy().user_has_permission_for_instance(user, "change", archive))


def compile_page(request: HttpRequest) -> HttpResponse:
    """Show what compiling a month would do; on POST do it, and show what was done."""
    if not may_compile(request.user):
        raise PermissionDenied
    running = Period.containing(timezone.localdate())
    chosen = request.POST.get("month") or request.GET.get("month") or str(running.previous)
    try:
        period = Period.parse(chosen)
    except ValueError as error:
        messages.error(request, str(error))
        return redirect(PAGE)
    compiled = None
    if request.method == "POST":
        try:
            compiled = compile_issue(period, by=staff(request))
        except IssueError as error:
            messages.error(request, str(error))
            return redirect(f"{request.path}?month={period}")
    found = None if compiled else gather(period, at_most=LISTED)
    return render(request, "newsletter/admin/compile.html", _context(period, running, found, compiled))


def _context(period: Period, running: Period, found: Gathered | None, compiled: Compiled | None) -> dict[str, Any]:
    left_out = found.left_out if found else compiled.left_out if compiled else []
    months = [running]
    while len(months) < MONTHS:
        months.append(months[-1].previous)
    return {
        "page_title": "Compile the e-news",
        "period": period,
        "months": months if period in months else [period, *months],
        "running": running,
        "found": found,
        "issue": found.issue if found else compiled.issue if compiled else None,
        "taken": _taken(found) if found else [],
        "by_interest": bool(found and found.why),
        "compiled": compiled,
        "left_out": [Group(group.reason, group.entries[:LISTED]) for group in _grouped(left_out)],
        "left_out_count": len(left_out),
        "listed": LISTED,
    }


def _taken(found: Gathered) -> list[tuple[Entry, str, str]]:
    """Each entry with its kind, and why it stands where it does."""
    return [(page, Kind(page.kind).label, found.why.get(page.pk, "")) for page in found.taken[:LISTED]]


def _grouped(left_out: list[LeftOut]) -> list[Group]:
    groups: dict[str, Group] = {}
    for one in left_out:
        groups.setdefault(one.reason, Group(one.reason, [])).entries.append(one)
    return list(groups.values())


urlpatterns = [path("compile/", compile_page, name=PAGE)]
