"""Journeys in a real browser, against the demo's installation: public interfaces only."""

import re
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.accessibility import violations
from tests.services.conftest import Site

EDITOR, PASSWORD = "admin@example.org", "demo-only-password"
PAGES = ["/", "/directory/", "/directory/?q=visit&sector=health", "/e-news/", "/join/", "/account/login/", "/privacy/"]


def log_in(page: Page, site: Site, email: str) -> None:
    page.goto(f"{site.address}/account/login/")
    page.get_by_text("Log in with a password instead").click()
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page).not_to_have_url(re.compile("/login/"))


def test_leave_by_the_link_in_a_mail(site: Site, page: Page) -> None:
    raw = next(iter(site.installation.mails().values()))
    link = message_from_bytes(raw, policy=policy.default)["List-Unsubscribe"].strip("<>")
    page.goto(link)
    page.get_by_role("button", name="Leave the e-news").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have left the e-news")
    assert page.url == link, "no redirect"
    assert not page.context.cookies(), "no cookie"
    page.goto(link)
    expect(page.get_by_role("button", name="Leave the e-news")).to_have_count(0)


def test_a_visitor_of_a_case_study_is_invited_and_may_log_in(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/directory/?kind=case-study")
    page.locator("main h2 a, main h3 a").first.click()
    expect(page.get_by_role("heading", name="Members read the whole of it")).to_be_visible()
    page.get_by_role("link", name="Log in to read it").click()
    expect(page).to_have_url(re.compile(r"/account/login/\?next="))


def test_an_editor_sees_what_a_reader_got_and_the_report(site: Site, page: Page) -> None:
    log_in(page, site, EDITOR)
    page.goto(f"{site.address}/admin/e-news/")
    page.locator("main table a").first.click()
    tabs = page.get_by_role("navigation", name="Pages of this issue")
    tabs.get_by_role("link", name="See as a reader").click()
    mail = page.frame_locator("iframe").first
    expect(mail.locator("h1")).to_contain_text("i-HOP")
    tabs.get_by_role("link", name="Report").click()
    expect(page.get_by_text("What became of this issue")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_accessibility_violation(site: Site, browser: Browser, scheme: str) -> None:
    page = browser.new_context(color_scheme=scheme).new_page()
    entry = f"{site.address}/directory/"
    page.goto(entry)
    first = page.locator("main h2 a, main h3 a").first.get_attribute("href")
    found = []
    for path in [*PAGES, f"/e-news/{site.demo['issue']}/", first]:
        page.goto(path if path.startswith("http") else site.address + path)
        found.append(violations(page))
    assert not any(found), "\n".join(found)


def test_the_mail_itself_has_no_accessibility_violation(site: Site, page: Page) -> None:
    raw = next(iter(site.installation.mails().values()))
    page.set_content(message_from_bytes(raw, policy=policy.default).get_body(("html",)).get_content())
    found = violations(page)
    assert not found, found
