"""Nobody is shut out of the editors' desk: every page of ours in the admin, both schemes, computer and phone."""

import re

import pytest
from playwright.sync_api import Browser, Page

from tests.services.accessibility import violations
from tests.services.conftest import Site
from tests.services.test_browser import EDITOR, log_in

PAGES = [
    "/admin/",
    "/admin/e-news/",
    "/admin/e-news/compile/",
    "/admin/e-news/unknown/",
    "/admin/e-news/reports/",
    "/admin/e-news/reports/sectors/",
    "/admin/e-news/reports/entries/",
    "/admin/e-news/reports/engagement/",
    "/admin/suppressions/",
    "/admin/members/",
    "/admin/members/overview/",
    "/admin/hub/signposting/",
    "/admin/hub/enquiries/",
    "/admin/hub/submissions/",
    "/admin/hub/messages/",
    "/admin/hub/care/",
    "/admin/hub/links/",
    "/admin/hub/searches/",
]
OF_ISSUE = [
    "",
    "editions/",
    "reader/",
    "reader/?view=inbox",
    "preflight/",
    "sending/",
    "certificate/",
    "report/",
    "summary/",
    "links/",
]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_pages_of_the_desk_shut_nobody_out(site: Site, browser: Browser, scheme: str, width: int) -> None:
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    log_in(page, site, EDITOR)
    found = []
    for path in [*PAGES, *(_issue(page, site) + part for part in OF_ISSUE)]:
        answer = page.goto(site.address + path)
        assert answer
        assert answer.ok, f"{path}: {answer.status}"
        found.append(violations(page, "main"))
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{path} is {overflow} pixels too wide"
    assert not any(found), "\n".join(found)


def _issue(page: Page, site: Site) -> str:
    """The address of the sent issue's desk."""
    page.goto(f"{site.address}/admin/e-news/")
    href = page.locator("main table a").first.get_attribute("href") or ""
    return re.findall(r"/admin/e-news/\d+/", href)[0]
