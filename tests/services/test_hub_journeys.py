"""Finding and offering, in a real browser: with the keyboard alone, and without JavaScript. Public interfaces only."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.conftest import Site

OFFER = {
    "Title": "Saturday club for children who visit",
    "In one or two sentences": "Play and lunch on visiting days, for children of three and over.",
    "Organisation that offers it": "Sample Trust",
    "Area covered": "Leeds",
    "Your name": "Sam Sample",
    "Your e-mail address": "sam.offers@example.org",
}

# In the order of the form, which is that of the Tab key.
RESOURCE = {
    "summary": "What happens on the day, for children of five to ten.",
    "publisher": "Sample Trust",
    "link": "https://example.org/leaflet",
    "name": "Sam Sample",
    "email": "sam.keys@example.org",
}


@pytest.fixture
def plain(browser: Browser) -> Page:
    """A browser without JavaScript."""
    return browser.new_context(java_script_enabled=False).new_page()


# --- Searching ------------------------------------------------------------------------------------


def test_search_and_narrow_without_javascript(site: Site, plain: Page) -> None:
    plain.goto(site.address)
    plain.get_by_label("Search the directory").fill("visits")
    plain.get_by_role("button", name="Search", exact=True).click()
    expect(plain).to_have_url(re.compile(r"/directory/\?q=visits"))
    before = results(plain)
    plain.get_by_role("checkbox", name=re.compile("^Support services")).check()
    plain.get_by_role("button", name="Show results").first.click()
    expect(plain).to_have_url(re.compile("kind=service"))
    assert 0 < results(plain) < before
    plain.get_by_role("link", name=re.compile("^Remove kind")).first.click()
    expect(plain).not_to_have_url(re.compile("kind=service"))
    assert results(plain) == before


def test_search_and_narrow_with_the_keyboard_alone(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/directory/")
    assert tab_to(page, "#q")
    page.keyboard.type("visits")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=visits"))
    before = results(page)
    assert tab_to(page, "input[name=kind][value=service]")
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("kind=service"))
    expect(page.locator("#found")).to_contain_text(re.compile(r"\d"))
    assert 0 < results(page) < before
    assert page.evaluate("document.activeElement.value") == "service", "focus stays where the reader was"
    assert tab_to(page, ".row-title a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="At a glance")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile("q=visits.*kind=service|kind=service.*q=visits"))
    assert 0 < results(page) < before


@pytest.mark.parametrize("width", [360, 1280])
def test_choosing_keeps_the_reader_where_they_are(site: Site, browser: Browser, width: int) -> None:
    """The list is renewed below: neither the focus nor the page may jump."""
    page = browser.new_context(viewport={"width": width, "height": 700}).new_page()
    page.goto(f"{site.address}/directory/")
    if width < 960:
        page.locator("#narrow > summary").click()
    choice = page.locator("#region-london")
    choice.scroll_into_view_if_needed()
    before = choice.bounding_box()
    choice.press("Space")
    expect(page).to_have_url(re.compile("region=london"))
    expect(page.locator("#found")).to_contain_text(re.compile(r"\d"))
    expect(choice).to_be_focused()
    after = choice.bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 60, "the choice stays under the reader's hand"
    if width < 960:
        page.locator("#show-results").click()
        expect(page.locator("#count")).to_be_focused()
        expect(page.locator("#count")).to_be_in_viewport()


def test_a_slip_of_the_pen_still_finds(site: Site, plain: Page) -> None:
    plain.goto(f"{site.address}/directory/?q=visitz")
    expect(plain.get_by_role("main")).to_contain_text("No entry holds “visitz”")
    assert results(plain) > 0
    plain.locator(".row-title a").first.click()
    expect(plain.get_by_role("heading", name="At a glance")).to_be_visible()


# --- Offering -------------------------------------------------------------------------------------


def test_offer_a_service_without_javascript(site: Site, plain: Page) -> None:
    plain.goto(f"{site.address}/submit/")
    plain.get_by_role("main").get_by_role("link", name=re.compile("service", re.IGNORECASE)).first.click()
    for label, words in OFFER.items():
        plain.get_by_label(label, exact=True).fill(words)
    plain.get_by_label("North East", exact=True).check()
    plain.wait_for_timeout(3100)  # no person is quicker: the form takes what comes sooner for a program's
    plain.get_by_role("button", name="Send it").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Check your e-mail")
    plain.goto(confirmation(site))
    expect(plain.get_by_text(OFFER["Title"])).to_be_visible()
    plain.get_by_role("button", name=re.compile("^Confirm")).click()
    expect(plain.get_by_role("main")).to_contain_text(re.compile("S-[A-Z0-9]{8}"))


def test_offer_with_the_keyboard_alone(site: Site, page: Page) -> None:
    """An empty form says what is missing, and each sentence leads to its field; then all of it, to the confirmation."""
    page.goto(f"{site.address}/submit/resource/")
    assert tab_to(page, "main button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator("main [role=alert]")).to_be_visible()
    assert tab_to(page, "main [role=alert] a")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    described = page.evaluate("document.activeElement.getAttribute('aria-describedby')") or ""
    assert all(page.locator(f"#{part}").count() for part in described.split())
    page.keyboard.type("A leaflet on first visits")
    for field, words in RESOURCE.items():
        assert tab_to(page, f"[name={field}]")
        page.keyboard.type(words)
    page.wait_for_timeout(3100)  # as above
    assert tab_to(page, "main button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your e-mail")
    page.goto(confirmation(site))
    assert tab_to(page, "main button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(re.compile("S-[A-Z0-9]{8}"))


def confirmation(site: Site) -> str:
    """The link in the mail that asks to confirm what was offered."""
    link = next(
        found
        for text in reversed(site.account_mails())
        if (found := re.search(r"https?://\S+/submit/confirm/\S+", text))
    )
    return site.address + urlsplit(link.group()).path


def results(page: Page) -> int:
    """The number in the headline of the list."""
    words = page.locator("#count").inner_text()
    return int(re.search(r"[\d,]+", words).group().replace(",", ""))  # type: ignore[union-attr]


def tab_to(page: Page, selector: str, most: int = 120) -> bool:
    """Press Tab until an element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return True
    return False
