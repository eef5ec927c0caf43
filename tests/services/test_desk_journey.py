"""Three people and one issue, in a real browser: an author shapes it, a colleague approves it, a member reads it.

With KEEP_SCREENSHOTS=1 the pictures in docs/images are taken anew.
"""

import os
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from tests.services.accessibility import violations
from tests.services.conftest import ROOT, Installation, Site
from tests.services.test_browser import log_in

AUTHOR, APPROVER = "author@example.org", "approver@example.org"
TITLE = "Telling a nursery that a parent is in prison"
SUMMARY = "A two-page guide for nursery staff: what to say to the child, and whom to tell."


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation whose issue is compiled and no more."""
    made = Site(Installation(tmp_path_factory.mktemp("desk")), "--no-send")
    yield made
    made.server.terminate()
    made.server.communicate(timeout=20)


class Person:
    """Somebody of the staff, in a browser of their own."""

    def __init__(self, site: Site, browser: Browser, email: str) -> None:
        self.site = site
        self.page: Page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        log_in(self.page, site, email)

    def go(self, path: str) -> None:
        self.page.goto(self.site.address + path)

    def tab(self, name: str) -> None:
        tab = self.page.get_by_role("navigation", name="Pages of this issue").get_by_role("link", name=name)
        tab.click()
        expect(tab).to_have_attribute("aria-current", "page")

    def press(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def picture(self, name: str) -> None:
        """Keep what is on the screen for the editors' guide, and look for what shuts people out."""
        self.page.wait_for_load_state("networkidle")
        if os.environ.get("KEEP_SCREENSHOTS"):
            self.page.screenshot(path=str(Path(ROOT) / "docs" / "images" / f"desk-{name}.png"))
        self.is_accessible()

    def is_accessible(self) -> None:
        """Our own part of the page; Wagtail's frame is Wagtail's."""
        found = violations(self.page, "main")
        assert not found, found


def run(installation: Installation, *arguments: str) -> None:
    done = installation.start(*arguments)
    _, err = done.communicate(timeout=240)
    assert done.returncode == 0, err


def test_from_a_published_entry_to_a_read_issue(desk: Site, browser: Browser) -> None:
    author = Person(desk, browser, AUTHOR)
    _keep_pictures_of_a_full_draft(author)
    _publish_an_entry(author)
    issue = _compile(author)
    _shape(author, issue)

    approver = Person(desk, browser, APPROVER)
    approver.go("/admin/")
    expect(approver.page.get_by_role("heading", name="E-news")).to_be_visible()
    _approve(approver, issue)
    _send(approver, desk, issue)
    _read(desk, browser)


def _keep_pictures_of_a_full_draft(author: Person) -> None:
    """The draft that the demo compiled, with all its items."""
    author.go("/admin/")
    author.picture("home")
    author.go("/admin/e-news/")
    author.page.locator("main table a").first.click()
    author.picture("overview")
    for tab, name in (("Who gets what", "who-gets-what"), ("See as a reader", "reader"), ("Pre-flight", "pre-flight")):
        author.tab(tab)
        author.picture(name)


def _publish_an_entry(author: Person) -> None:
    """A new entry is put into the directory: it belongs to the running month."""
    found = author.page.request.get(f"{author.site.address}/admin/api/main/pages/?slug=directory").json()
    author.go(f"/admin/pages/add/cms/resource/{found['items'][0]['id']}/")
    author.page.locator("#id_title").fill(TITLE)
    author.page.locator("#id_summary").fill(SUMMARY)
    author.page.get_by_role("button", name="More actions").click()
    author.press(re.compile("^Publish"))
    author.sees(re.compile("created and published"))


def _compile(author: Person) -> str:
    """Compile the running month, and return the address of its issue's desk."""
    author.go("/admin/e-news/compile/")
    month = timezone.localdate().strftime("%Y-%m")
    author.page.locator("select[name=month]").select_option(month)
    author.press("Show this month")
    author.sees(TITLE)
    author.picture("compile")
    author.press(re.compile("^Compile "))
    author.page.get_by_role("link", name="Go to the issue").click()
    expect(author.page).to_have_url(re.compile(r"/admin/e-news/\d+/$"))
    return re.sub(r"https?://[^/]+", "", author.page.url)


def _shape(author: Person, issue: str) -> None:
    number = re.findall(r"/(\d+)/", issue)[0]
    author.go(f"/admin/pages/{number}/edit/")
    author.page.get_by_label("Toggle preview").click()
    heading = author.page.frame_locator("iframe[src*='mode=email']").first.locator("h1")
    expect(heading).to_contain_text("i-HOP", timeout=45_000)
    typeface = heading.evaluate("node => getComputedStyle(node).fontFamily")
    assert "Charter" in typeface, "the mail's own styles apply in the preview"
    author.page.locator("#id_subject").fill("What is new for nurseries")
    author.press(re.compile("^Save draft"))
    author.sees(re.compile("has been updated"))
    author.go(issue)
    author.press("Ask for approval")
    author.sees("Your colleagues have been asked")
    expect(author.page.get_by_role("button", name=re.compile("^Approve for"))).to_have_count(0)


def _approve(approver: Person, issue: str) -> None:
    approver.go(issue)
    approver.tab("Approve and schedule")
    for box in approver.page.locator("input[name=acknowledge]").all():
        box.check()
    approver.page.get_by_label("Leave the date for later").check()
    approver.picture("approve")
    approver.press(re.compile("^Approve for"))
    approver.sees("What you saw is what will be sent")


def _send(approver: Person, desk: Site, issue: str) -> None:
    approver.tab("Sending")
    approver.page.get_by_role("link", name=re.compile("^Send it now")).click()
    expect(approver.page).to_have_url(re.compile("/send-now/$"))
    approver.is_accessible()
    approver.press("Send it now")
    approver.sees("It starts within a minute")
    desk.installation.command("tick")
    approver.go(f"{issue}sending/")
    approver.picture("sending")
    period = timezone.localdate().strftime("%Y-%m")
    certificate = desk.installation.command("send_issue", period, "--wait")
    assert certificate["balanced"]
    assert certificate["sent"] == len(desk.installation.mails())
    approver.go(f"{issue}certificate/")
    approver.sees("the counts add up")
    approver.picture("certificate")


def _read(desk: Site, browser: Browser) -> None:
    """What came is what was approved, and leads to the entry."""
    raw = next(iter(desk.installation.mails().values()))
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Subject"] == "What is new for nurseries"
    assert SUMMARY in " ".join(message.get_body(("plain",)).get_content().split())
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.set_content(message.get_body(("html",)).get_content())
    page.get_by_role("link", name=TITLE).first.click()
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
