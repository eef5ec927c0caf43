"""A member's whole way, with and without JavaScript: join, read, choose, pause, leave, rejoin, export, erase."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.conftest import Site


class Traveller:
    """Somebody with a browser and a mailbox."""

    def __init__(self, site: Site, page: Page, address: str) -> None:
        self.site, self.page, self.address = site, page, address

    def go(self, path: str) -> None:
        self.page.goto(self.site.address + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def join(self) -> None:
        self.go("/join/")
        assert self.page.locator("input[type=checkbox]:checked").count() == 0, "no box may be ticked beforehand"
        self.page.get_by_label("Your e-mail address").fill(self.address)
        self.page.get_by_label("Health", exact=True).check()
        self.page.get_by_label("Send me the monthly e-news").check()
        self.press("Join")

    def confirm(self) -> None:
        mail = next(text for text in reversed(self.site.account_mails()) if "/join/confirm/" in text)
        link = re.findall(r"http://\S+/join/confirm/\S+", mail)[0]
        assert self.address not in link
        self.page.goto(link)
        self.page.get_by_role("button", name=re.compile("^Confirm")).click()

    def log_in(self) -> None:
        self.go("/account/login/")
        self.page.locator("#code-email").fill(self.address)
        self.press("Send me a code")
        code = re.findall(r"^\s*([A-Z0-9-]{6,9})\s*$", self.site.account_mails()[-1], re.MULTILINE)[0]
        self.page.locator("input[name=code]").fill(code)
        self.page.locator("main button[type=submit]").first.click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_join_read_choose_pause_leave_rejoin_export_erase(site: Site, browser: Browser, scripts: bool) -> None:
    page = browser.new_context(java_script_enabled=scripts).new_page()
    member = Traveller(site, page, f"newcomer{int(scripts)}@example.org")
    member.join()
    member.confirm()
    member.log_in()

    member.go("/directory/?kind=case-study")
    page.locator("main h2 a, main h3 a").first.click()
    member.sees("What changed")  # a member reads case studies

    member.go("/account/preferences/")
    preview = page.locator("#preview")
    before = preview.inner_text()
    page.get_by_label("Schools and education").check()
    if not scripts:
        member.press("Show what I would receive")
    expect(preview).to_contain_text("These choices are not saved yet.")
    assert page.locator("#preview").inner_text() != before
    member.press("Save your choices")
    member.sees("Your choices are saved.")
    expect(page.get_by_label("Schools and education")).to_be_checked()

    member.press("Pause the e-news")
    expect(page.get_by_role("button", name="Resume the e-news")).to_be_visible()
    member.press("Leave the e-news")
    expect(page.get_by_role("button", name="Undo leaving")).to_be_visible()

    member.join()
    member.confirm()
    member.go("/account/preferences/")
    expect(page.get_by_role("button", name="Pause the e-news")).to_be_visible()

    export = page.request.get(f"{site.address}/account/your-data/export.json")
    assert export.ok
    assert member.address in export.text()
    acts = re.findall(r"Withdrawn|withdrawn", export.text())
    assert acts, "the export tells that the member once left"

    member.go("/account/erase/")
    page.get_by_label(re.compile("Type")).fill("erase")
    member.press("Erase everything")
    expect(page).to_have_url(re.compile("/erased/"))
    member.go("/account/")
    expect(page).to_have_url(re.compile("/account/login/"))
