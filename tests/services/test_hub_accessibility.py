"""Nobody is shut out of the hub: every type of public page, in both schemes, on a computer and on a phone."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.accessibility import violations
from tests.services.conftest import Site
from tests.services.test_browser import log_in

KINDS = ["resource", "research", "policy", "service", "case-study", "training", "funding", "event"]
OFFERED = ["service", "resource", "event", "case-study"]
PAGES = [
    "/",
    "/directory/",
    "/directory/?q=visits&kind=service&kind=resource&sector=health&region=north-east",
    "/directory/?q=zzzzqqqq&kind=event",
    "/consortia/",
    "/consortia/?region=north-east",
    "/about/",
    "/benefits/",
    "/privacy/",
    "/accessibility/",
    "/contact/",
    "/submit/",
    *(f"/submit/{kind}/" for kind in OFFERED),
    "/complaints/",
    "/join/",
    "/account/login/",
    "/e-news/",
    "/open-data/",
]
MISSING = ["/no-such-page/", "/submit/confirm/unknown/", "/still-correct/unknown/"]
SIZES = [("light", 1280), ("dark", 360), ("light", 360), ("dark", 1280)]


@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_public_pages_shut_nobody_out(site: Site, browser: Browser, scheme: str, width: int) -> None:
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    paths = [*PAGES, *entries(page, site), first_link(page, site, "/consortia/", "/consortia/.+/")]
    found = [problem for path in paths for problem in problems(page, site, path, {200})]
    found += [problem for path in MISSING for problem in problems(page, site, path, {404})]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("scheme", "width"), SIZES[:2])
def test_forms_that_refuse_shut_nobody_out(site: Site, browser: Browser, scheme: str, width: int) -> None:
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    found = []
    for path in ["/contact/", *(f"/submit/{kind}/" for kind in OFFERED)]:
        page.goto(site.address + path)
        page.locator("main form button[type=submit]").last.click()
        expect(page.locator("[aria-invalid=true]").first, "an empty form is refused").to_be_visible()
        found += looked_at(page, f"{path}, refused")
    assert not found, "\n".join(found)


def test_members_read_a_case_study(site: Site, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    log_in(page, site, "admin@example.org")
    path = first_link(page, site, "/directory/?kind=case-study", "/directory/.+/")
    assert not problems(page, site, path, {200})


@pytest.mark.parametrize("path", ["/", "/directory/?q=visits", "/contact/", "/submit/service/"])
def test_text_may_be_twice_as_large(site: Site, browser: Browser, path: str) -> None:
    """WCAG 1.4.4 and 1.4.10: enlarged to 200 %, a page of 1280 pixels has 640, and scrolls in one direction only."""
    page = browser.new_context(viewport={"width": 640, "height": 512}, device_scale_factor=2).new_page()
    page.goto(site.address + path)
    assert too_wide(page) <= 0
    narrow = browser.new_context(viewport={"width": 320, "height": 512}).new_page()
    narrow.goto(site.address + path)
    assert too_wide(narrow) <= 0


def entries(page: Page, site: Site) -> list[str]:
    """The address of one entry of each kind."""
    return [first_link(page, site, f"/directory/?kind={kind}", "/directory/.+/") for kind in KINDS]


def first_link(page: Page, site: Site, path: str, pattern: str) -> str:
    """The first link in the main part of a page whose path matches."""
    page.goto(site.address + path)
    links = page.eval_on_selector_all("main a[href]", "links => links.map(link => link.pathname)")
    return next(link for link in links if re.fullmatch(pattern, link))


def problems(page: Page, site: Site, path: str, statuses: set[int]) -> list[str]:
    answer = page.goto(site.address + path)
    assert answer
    assert answer.status in statuses, f"{path}: {answer.status}"
    return looked_at(page, path)


def looked_at(page: Page, path: str) -> list[str]:
    """What axe finds, and whether the page is wider than the window or lacks its one headline."""
    report = violations(page)
    found = [f"{path}: {report}"] if report else []
    if too_wide(page) > 0:
        found.append(f"{path} is {too_wide(page)} pixels too wide")
    if page.locator("h1").count() != 1:
        found.append(f"{path} has {page.locator('h1').count()} headlines of the first order")
    return found


def too_wide(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
