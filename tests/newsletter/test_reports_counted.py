"""Every page of reports says what a direct count of the rows says, over random members, hits, reports and departures.

What is hidden is accounted for: a figure over several issues is the count of those issues in whose report it stands.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.urls import reverse

from cms.models import Kind, Sector
from membership.sample_members import make_members
from newsletter import engaging
from newsletter.adding_up import add_up
from newsletter.by_issue import Reach, of_items, of_sectors, within_sectors
from newsletter.carried import carried
from newsletter.comparing import engagement, entries, latest_issues, over_time, sectors_served, what_works
from newsletter.desk.tables import figure_values
from newsletter.hiding import SMALLEST_CELL
from newsletter.models import Delivery, Hit, Issue
from newsletter.reporting import report
from newsletter.summing_up import sum_up_due
from tests import factories
from tests.newsletter.aftermath import desk, staff
from tests.newsletter.hits import plain_totals, sent_issue

SENT = datetime(2026, 11, 5, 9, tzinfo=UTC)
NAMES = {"sent": "sent", "agreed": "agreed_clicks", "followed": "clickers_human"}
Plain = dict[int, Mapping[tuple[str, str], Counter]]


@pytest.fixture(params=[11], ids="seed {}".format)
def counted(request, db) -> Plain:
    """Three months with the same members; the second carries two entries of the first again."""
    cache.clear()
    dice = random.Random(request.param)
    make_members(dice.randrange(150, 180), audiences=6)
    slugs = list(Sector.objects.values_list("slug", flat=True))[:4]
    kinds = [Kind.RESOURCE, Kind.SERVICE, Kind.TRAINING]
    pages = [
        factories.entry(dice.choice(kinds), title=f"Entry {number}", sectors=dice.sample(slugs, number % 3))
        for number in range(6)
    ]
    found = {}
    with time_machine.travel(SENT, tick=False):
        for month, chosen in (("2026-08", pages[:4]), ("2026-09", pages[2:]), ("2026-10", pages[:3])):
            issue = sent_issue(month, chosen, dice, start=SENT)
            issue.items.update(announcement=f"{month}-01")  # so that another may announce the same entries
            add_up(issue.pk)
            found[issue.pk] = plain_totals(issue)  # now: by the next issue others will agree
        engaging.add_up_engagement()
    return found


@pytest.fixture
def issues(counted) -> list[Issue]:
    return list(Issue.objects.filter(pk__in=counted).order_by("period"))


@pytest.fixture
def plain(counted) -> Plain:
    return counted


def summed(
    plain: Plain, shown: Mapping[int, Mapping[tuple[str, str], Reach]], place: Callable[[int], set[tuple[str, str]]]
) -> tuple[int | None, ...]:
    """Sent, agreed and followed, counted directly over the rows of those issues in whose report each is shown."""
    found = []
    for name, column in NAMES.items():
        counts = [
            plain[issue][row][column]
            for issue, rows in shown.items()
            for row in place(issue) & rows.keys()
            if getattr(rows[row], name) is not None and (name != "followed" or rows[row].agreed is not None)
        ]
        found.append(sum(counts) if counts else None)
    return tuple(found)


def items_of(issues: list[Issue], prefix: str = "") -> Callable[[int], dict[int, set[tuple[str, str]]]]:
    dimension = "sector_item" if prefix else "item"
    return {
        issue.pk: {item.page_id: (dimension, f"{prefix}{item.pk}") for item in issue.items.all()} for issue in issues
    }


def test_entries(issues, plain):
    shown, items = of_items([issue.pk for issue in issues]), items_of(issues)
    found = entries(latest_issues(12))
    for one in found:
        rows = summed(plain, shown, lambda issue, page=one.page: {items[issue].get(page)})
        assert (one.sent, one.agreed, one.followed) == rows, one.label
    assert any(one.issues > 1 and one.sent for one in found)
    assert all(none_is_small(plain[issue.pk], shown[issue.pk]) for issue in issues)


def none_is_small(plain: Mapping[tuple[str, str], Counter], shown: Mapping[tuple[str, str], Reach]) -> bool:
    return all(
        getattr(reach, name) in (None, plain[place][column]) and (getattr(reach, name) or 10) >= SMALLEST_CELL
        for place, reach in shown.items()
        for name, column in NAMES.items()
    )


def test_what_works_for_each_sector(issues, plain):
    shown = within_sectors([issue.pk for issue in issues])
    assert all(none_is_small(plain[issue.pk], shown[issue.pk]) for issue in issues)
    told = 0
    for sector in Sector.objects.values_list("slug", flat=True):
        kinds, works = what_works(latest_issues(12), sector)
        items = items_of(issues, f"{sector}/")
        for one in works:
            rows = summed(plain, shown, lambda issue, page=one.page, items=items: {items[issue].get(page)})
            assert (one.sent, one.agreed, one.followed) == rows, (sector, one.label)
        for one in kinds:
            place = ("sector_kind", f"{sector}/{one.key}")
            assert (one.sent, one.agreed, one.followed) == summed(plain, shown, lambda issue, place=place: {place})
        told += sum(one.sent is not None for one in [*kinds, *works])
    assert told


def test_how_sectors_are_served(issues, plain):
    shown = of_sectors([issue.pk for issue in issues])
    found = sectors_served(latest_issues(12))
    for one in found:
        place = ("sector", one.slug)
        _, agreed, followed = summed(plain, shown, lambda issue, place=place: {place})
        assert one.agreed == agreed
        assert one.share == (followed / agreed if followed is not None and agreed else None)
        assert one.members in (None, plain[issues[-1].pk][place]["sent"])
    assert any(one.agreed for one in found)


@pytest.mark.parametrize("sector", ["", "health"])
def test_over_time(issues, plain, sector):
    for moment in over_time(latest_issues(24), sector):
        counts = plain[moment.issue.pk]["sector" if sector else "issue", sector]
        figures = moment.figures
        said = [figures.sent, figures.delivered, figures.departed, figures.agreed_clicks, figures.clickers.human]
        names = ["sent", "delivered", "departed", "agreed_clicks", "clickers_human"]
        assert all(value in (None, counts[name]) for value, name in zip(said, names, strict=True))
        if not sector:  # a whole is hidden with no other row
            assert said == [counts[name] if counts[name] >= SMALLEST_CELL else None for name in names]


def test_the_panel_of_an_entry(issues, plain):
    shown = of_items([issue.pk for issue in issues])
    page = issues[0].items.get(page__title="Entry 2").page_id
    found = carried(page)
    assert len(found) == 3
    for one in found:
        row = ("item", str(one.issue.items.get(page=page).pk))
        counts = summed(plain, {one.issue.pk: shown[one.issue.pk]}, lambda issue, row=row: {row})
        assert (one.sent, one.agreed) == counts[:2]
        assert one.followed in (None, plain[one.issue.pk][row]["clickers_human"])


def test_engagement(issues):
    newest, lines = engagement()
    assert newest == issues[-1]
    told = 0
    for line in lines:
        members = engaged(line.key)
        of_opens, of_clicks = (True, line.opened, line.agreed_opens), (False, line.followed, line.agreed_clicks)
        for about_opens, column, base in (of_opens, of_clicks):
            numbers = [number for opens, number in members if opens is about_opens]
            assert base in (None, len(numbers))
            assert all(value in (None, numbers.count(place)) for place, value in enumerate(column))
            told += sum(value is not None for value in column)
    assert told


def engaged(sector: str) -> list[tuple[bool, int]]:
    """Of each member who agreed and still receives it: whether it is about opens, and in how many issues they did."""
    deliveries = Delivery.objects.filter(state="sent", member__subscription__state="active")
    if sector:
        deliveries = deliveries.filter(member__sectors__slug=sector)
    opened, followed = {}, {}
    for one in deliveries.select_related("member__subscription").distinct():
        hits = Hit.objects.filter(delivery=one)
        if one.member.subscription.track_opens:
            some = hits.filter(what="open").exclude(verdict="machine").exists()
            opened[one.member_id] = opened.get(one.member_id, 0) + some
        if one.member.subscription.track_clicks:
            some = hits.filter(what="click", verdict="human").exists()
            followed[one.member_id] = followed.get(one.member_id, 0) + some
    return [(True, number) for number in opened.values()] + [(False, number) for number in followed.values()]


def test_the_summary_on_the_page_and_in_the_mail(issues, plain, mailoutbox):
    issue, counts = issues[-1], plain[issues[-1].pk]["issue", ""]
    browser = desk(staff("approver@example.org"))
    words = {
        "Sent": "sent",
        "Delivered": "delivered",
        "Agreed to have links measured": "agreed_clicks",
        "Followed a link, of these": "clickers_human",
    }
    figures = dict(browser.get(reverse("newsletter_summary", args=[issue.pk])).context["figures"])
    for label, name in words.items():
        assert figures.get(label) == (counts[name] if counts[name] >= SMALLEST_CELL else None)
    with time_machine.travel(SENT + timedelta(days=4), tick=False):
        sum_up_due()
    (mail,) = [mail for mail in mailoutbox if "October" in mail.subject]
    counts = plain_totals(issue)["issue", ""]
    assert f"Sent: {counts['sent']:,}\n" in mail.body
    assert f"Of these followed a link, as people do: {counts['clickers_human']:,}\n" in mail.body


def test_the_days_and_the_rest_of_an_issue_add_up_to_no_more_than_the_rows(issues, plain):
    for issue in issues:
        found = report(issue)
        lists = {"day": found.days, "region": found.regions, "sector": found.sectors, "item": found.items}
        for dimension, lines in lists.items():
            for line in lines:
                counts = plain[issue.pk][dimension, line.key]
                assert figure_values(line.figures)[0] in (None, counts["sent"])
                assert line.figures.openers.human in (None, counts["openers_human"])
                assert line.figures.clicks.human in (None, counts["clicks_human"])
