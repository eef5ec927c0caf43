"""What axe-core finds on a page: the rules of WCAG 2.2 A and AA."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def violations(page: Page, context: str = "html") -> str:
    """A report of what shuts people out in the part of the page that a selector names, or nothing.

    A click returns as soon as the next document begins, so what is looked at is waited for.
    """
    page.wait_for_load_state()
    expect(page.locator(context)).to_be_visible()
    results = Axe().run(page, context=context, options=RULES)
    return f"{page.url}\n{results.generate_report()}" if results.violations_count else ""
