"""`python -m benchmarks.desk`: how long the editors' desk takes with a long issue and many members, as one JSON object
on the last line.

An issue of 100 items is looked at with 100,000 sample members (some minutes to make, on SQLite in a temporary folder
unless DATABASE_URL and VAR_DIR say otherwise). Each act is done five times; its best and worst are given in seconds,
with the statements it made.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

ITEMS = 100
MEMBERS = 100_000
AUDIENCES = 90
TIMES = 5
PERIOD = "2026-10"


def prepare(members: int, audiences: int | None) -> Any:
    """An issue with items of every kind, for no, one or two sectors, national or of one region; some pinned or left
    out. Its draft is a revision, as an editor's is."""
    from django.core.management import call_command
    from django.utils import timezone

    from cms.models import Region, Resource, Sector
    from cms.site import directory_page
    from membership.sample_members import make_members
    from newsletter.compiling import archive_page
    from newsletter.models import Issue, Item

    call_command("migrate", verbosity=0)
    make_members(members, audiences=audiences)
    issue = Issue.objects.filter(period=PERIOD).first()
    if issue:
        return issue
    sectors, regions = list(Sector.objects.all()), list(Region.objects.all())
    draft = Issue(title="Measured", slug=PERIOD, period=PERIOD, subject="What is new", live=False)
    issue = archive_page().add_child(instance=draft)
    for number in range(ITEMS):
        page = Resource(
            title=f"A resource with a title of usual length, number {number}",
            slug=f"desk-{number}",
            summary="Two sentences that say what a reader gets from it. They are as long as summaries usually are.",
            review_due=timezone.localdate() + timedelta(days=200),
        )
        page.sectors.set([sectors[(number + more) % len(sectors)] for more in range(number % 3)])
        page.regions.set([regions[number % len(regions)]] if number % 4 == 0 else [])
        directory_page().add_child(instance=page)
        Item.objects.create(
            issue=issue,
            page=page,
            announcement=timezone.localdate(),
            section=page.kind,
            sort_order=number,
            pinned=number in (7, 40),
            left_out=number % 20 == 19,
        )
    issue = Issue.objects.get(pk=issue.pk)
    issue.save_revision()
    return Issue.objects.get(pk=issue.pk)


def measure(issue: Any) -> dict[str, Any]:
    """Do what an editor waits for, and say how long it took."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    from membership.models import User
    from newsletter.desk.access import latest_draft
    from newsletter.differences import difference, keep, take
    from newsletter.editions import IssueEditions
    from newsletter.matrix import by_region, by_sector
    from newsletter.models import SeenEditions
    from newsletter.preflight import preflight
    from newsletter.readership import Crowd, foresee
    from newsletter.rendering import render_edition

    settings.ALLOWED_HOSTS = ["*"]
    editor = User.objects.filter(is_superuser=True).first()
    editor = editor or User.objects.create_superuser("desk@example.org", None)
    browser = Client()
    browser.force_login(editor)
    draft = latest_draft(issue)
    editions, crowd = IssueEditions(draft), Crowd.today()
    editions.prepare(crowd.members)
    seen = keep(issue, editions, SeenEditions.Why.SEEN, editor)
    largest = next(iter(crowd.members))

    def page() -> None:
        response = browser.get(reverse("newsletter_editions", args=[issue.pk]))
        assert response.status_code == 200, response.status_code

    def changes() -> None:
        difference(seen.editions, take(editions, crowd.members), crowd.by_audience)

    acts: dict[str, Callable[[], Any]] = {
        "load the latest draft": lambda: latest_draft(issue),
        "load its items and words": lambda: IssueEditions(draft),
        "count members by audience": Crowd.today,
        "matrix by sector, over all regions": lambda: by_sector(editions, crowd, None),
        "matrix by region": lambda: by_region(editions, crowd, None),
        "editions of today's members": lambda: foresee(editions, crowd),
        "what has changed": changes,
        "whole page Who gets what": page,
        "render one edition": lambda: render_edition(IssueEditions(draft).content(editions.choose(largest))),
        "pre-flight": lambda: preflight(draft),
    }
    statements = [0]

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements[0] += 1
        return execute(sql, params, many, context)

    figures: dict[str, Any] = {}
    for name, act in acts.items():
        seconds = []
        for _ in range(TIMES):
            statements[0] = 0
            began = time.perf_counter()
            with connection.execute_wrapper(count):
                act()
            seconds.append(time.perf_counter() - began)
        figures[name] = {
            "best": round(min(seconds), 3),
            "worst": round(max(seconds), 3),
            "statements": statements[0],
        }
    readership = foresee(editions, crowd)
    return {
        "database": connection.vendor,
        "items": ITEMS,
        "members": sum(crowd.members.values()),
        "audiences": len(crowd.members),
        "editions": readership.count,
        "seconds": figures,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--audiences", type=int, default=AUDIENCES, help="different choices they are dealt")
    parser.add_argument("--varied", action="store_true", help="choices as real members make them: thousands")
    options = parser.parse_args()
    with ExitStack() as stack:
        if "VAR_DIR" not in os.environ:
            os.environ["VAR_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="ihop-desk-"))
        Path(os.environ["VAR_DIR"]).mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
        import django

        django.setup()
        figures = measure(prepare(options.members, None if options.varied else options.audiences))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
