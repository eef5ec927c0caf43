"""Nobody is shut out of the hub: every type of public page, in both schemes, on a computer and on a phone."""

import json
import re
import sys
from email import message_from_bytes, policy
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.accessibility import violations
from tests.services.conftest import Site

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
OWN = [  # of whoever is logged in
    "/account/",
    "/account/preferences/",
    "/account/profile/",
    "/account/sessions/",
    "/account/measured/",
    "/account/your-data/",
    "/account/erase/",
]
Ways = list[dict[str, str]]  # by the place of the size
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


@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_pages_that_a_mail_leads_to_shut_nobody_out(
    site: Site, browser: Browser, ways: Ways, scheme: str, width: int
) -> None:
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    way, link = ways[SIZES.index((scheme, width))], unsubscribe_path(site)
    found = []
    for path, button, then in (
        (way["still_correct"], "It is still correct", "Thank you"),
        (way["submission"], "Confirm", "Thank you"),
        (way["joining"], "Confirm and join", "Welcome to i-HOP"),
        (way["password"], "Continue", "Password needed"),  # refused
    ):
        found += problems(page, site, path, {200})
        found += pressed(page, button, then)
    for path in (link, link.replace("/u/", "/p/")):
        found += problems(page, site, path, {200})
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_answers_to_forms_shut_nobody_out(site: Site, browser: Browser, scheme: str, width: int) -> None:
    """Thanks, and what somebody is told who sends too much. A form that is sent at once is thanked like any other."""
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    address = f"answers-{scheme}-{width}@example.org"
    page.goto(f"{site.address}/contact/")
    page.locator("[name=text]").fill("Thank you for the directory.")
    page.locator("[name=email]").fill(address)
    found = pressed(page, "Send", "We have your message")
    page.goto(f"{site.address}/submit/resource/")
    fill(page, address)
    found += pressed(page, "Send it", "Check your e-mail")
    for _ in range(5):
        page.goto(f"{site.address}/join/resend/")
        page.locator("[name=email]").fill(address)
        page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Please wait a little")
    found += looked_at(page, "429")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_pages_of_members_shut_nobody_out(site: Site, browser: Browser, ways: Ways, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    way, page = ways[SIZES.index((scheme, width))], context.new_page()
    context.add_cookies([{"name": "sessionid", "value": way["session"], "url": site.address}])
    study = first_link(page, site, "/directory/?kind=case-study", "/directory/.+/")
    found = [problem for path in (*OWN, study) for problem in problems(page, site, path, {200})]
    expect(page.get_by_role("heading", name="Members read the whole of it")).to_have_count(0)
    found += problems(page, site, way["forbidden"], {403})
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", ["/", "/directory/?q=visits", "/contact/", "/submit/service/"])
def test_text_may_be_twice_as_large(site: Site, browser: Browser, path: str) -> None:
    """WCAG 1.4.4 and 1.4.10: enlarged to 200 %, a page of 1280 pixels has 640, and scrolls in one direction only."""
    page = browser.new_context(viewport={"width": 640, "height": 512}, device_scale_factor=2).new_page()
    page.goto(site.address + path)
    assert too_wide(page) <= 0
    narrow = browser.new_context(viewport={"width": 320, "height": 512}).new_page()
    narrow.goto(site.address + path)
    assert too_wide(narrow) <= 0


@pytest.fixture(scope="module")
def ways(site: Site) -> Ways:
    running = site.installation.process(
        [sys.executable, "manage.py", "shell", "-c", f"from tests.services.ways import made; print(made({len(SIZES)}))"]
    )
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    found: Ways = json.loads(out.strip().splitlines()[-1])
    return found


def unsubscribe_path(site: Site) -> str:
    """Where the last of the mails leads those who wish to leave. Looking changes nothing."""
    raw = list(site.installation.mails().values())[-1]
    link = message_from_bytes(raw, policy=policy.default)["List-Unsubscribe"].strip("<>")
    return urlsplit(link).path


def pressed(page: Page, button: str, then: str) -> list[str]:
    """What is wrong with the page that a button leads to, which has this headline."""
    address = page.url
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name=button).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(then)
    return looked_at(page, f"{address}, pressed “{button}”")


def fill(page: Page, address: str) -> None:
    """Fill in whatever the form in front of us asks for."""
    for field in page.locator("main form :is(input, textarea, select)[required]").all():
        kind = field.get_attribute("type") or field.evaluate("one => one.tagName.toLowerCase()")
        if kind == "email":
            field.fill(address)
        elif kind in {"checkbox", "radio"}:
            field.check()
        elif kind == "select":
            field.select_option(index=1)
        else:
            field.fill("https://example.org/" if kind == "url" else "A sample")


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
