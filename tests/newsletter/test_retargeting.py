"""A link in mails that are out leads elsewhere: by its number, and by its plain address once the entry has gone."""

import pytest
from wagtail.contrib.redirects.models import Redirect
from wagtail.models import PageLogEntry

from cms.models import CheckedLink
from newsletter.compiling import IssueError
from newsletter.models import Issue, Link
from newsletter.numbering import addresses_in_mail
from newsletter.retargeting import Leads, check_target, retarget, where_they_lead
from newsletter.skeletons import Variant, Workshop
from tests import factories
from tests.newsletter.aftermath import send, staff
from tests.newsletter.fakes import RecordingTransport

pytestmark = pytest.mark.django_db
SITE = "http://localhost:8000"
OLD = f"{SITE}/directory/service-2/"
NEW = "https://charity.example.org/clinic?from=i-hop"


@pytest.fixture
def by():
    return staff("approver@example.org")


@pytest.fixture
def transport() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def sent(issue, members, transport) -> Issue:
    send(issue, transport)
    return issue


@pytest.fixture
def link(sent) -> Link:
    return Link.objects.select_related("item__page").get(issue=sent, url=OLD)


@pytest.fixture
def gone(link) -> Link:
    """Its entry has been unpublished since."""
    link.item.page.unpublish()
    return link


@pytest.fixture
def token(transport, sent) -> str:
    """Of dot, who agreed to have clicks measured."""
    return next(message.token for message in transport.taken if message.recipient.startswith("dot"))


class TestReaders:
    def test_numbered_link_leads_to_the_new_address(self, link, by, client, token):
        assert client.get(f"/l/{token}/{link.number}")["Location"] == OLD
        retarget(link, NEW, by=by, reason="moved")
        response = client.get(f"/l/{token}/{link.number}")
        assert (response.status_code, response["Location"]) == (302, NEW)

    def test_plain_address_of_an_entry_that_has_gone_leads_there_too(self, gone, by, client):
        assert client.get("/directory/service-2/").status_code == 404
        assert retarget(gone, NEW, by=by, reason="moved").redirected
        for address in ("/directory/service-2/", "/directory/service-2/?utm=mail"):
            response = client.get(address)
            assert (response.status_code, response["Location"]) == (302, NEW)

    def test_entry_that_is_live_answers_itself(self, link, by, client):
        assert not retarget(link, NEW, by=by, reason="better page").redirected
        assert client.get("/directory/service-2/").status_code == 200
        assert Redirect.objects.count() == 0

    def test_entry_that_is_published_again_wins_over_the_redirect(self, gone, by, client):
        retarget(gone, NEW, by=by, reason="moved")
        gone.item.page.specific.save_revision().publish()
        assert client.get("/directory/service-2/").status_code == 200

    def test_what_nobody_retargeted_stays_not_found(self, gone, by, client, token):
        retarget(gone, NEW, by=by, reason="moved")
        for address in ("/directory/service-9/", f"/l/{token}/99", f"/l/{'x' * len(token)}/{gone.number}"):
            assert client.get(address).status_code == 404

    def test_nothing_in_the_address_changes_where_it_leads(self, gone, by, client, token):
        retarget(gone, NEW, by=by, reason="moved")
        evil = "?url=https://evil.example&next=//evil.example"
        assert client.get(f"/l/{token}/{gone.number}{evil}")["Location"] == NEW
        assert client.get(f"/directory/service-2/{evil}")["Location"] == NEW

    def test_web_version_goes_on_leaving_out_what_has_gone(self, gone, by, client):
        retarget(gone, NEW, by=by, reason="moved")
        page = client.get("/e-news/2026-10/").content.decode()
        assert "For everyone" in page
        assert "service-2" not in page
        assert NEW not in page


class TestAgain:
    def test_last_address_counts_for_both(self, gone, by, client, token):
        retarget(gone, "https://first.example.org/", by=by, reason="moved")
        retarget(gone, NEW, by=by, reason="moved once more")
        assert client.get(f"/l/{token}/{gone.number}")["Location"] == NEW
        assert client.get("/directory/service-2/")["Location"] == NEW
        assert Redirect.objects.count() == 1
        assert addresses_in_mail(gone.issue_id)[gone.number] == OLD

    def test_link_led_elsewhere_before_its_entry_went_can_have_its_redirect_later(self, link, by, client):
        retarget(link, NEW, by=by, reason="better page")
        link.item.page.unpublish()
        assert retarget(link, NEW, by=by, reason="the entry has gone").redirected
        assert client.get("/directory/service-2/")["Location"] == NEW

    def test_log_holds_old_and_new(self, link, by):
        retarget(link, NEW, by=by, reason="  moved\nagain ")
        entry = PageLogEntry.objects.get(page=link.issue_id, action="newsletter.retarget")
        assert entry.user == by
        assert entry.data == {"number": 2, "old": OLD, "new": NEW, "reason": "moved again", "redirected": False}
        assert NEW in entry.formatter.format_message(entry)

    def test_mail_that_is_prepared_afterwards_still_counts_its_clicks(self, link, by):
        retarget(link, NEW, by=by, reason="moved")
        edition = link.issue.editions.filter(places__item=link.item).first()
        skeleton = Workshop(link.issue).build(edition, Variant(clicks=True))
        mail = skeleton.message(delivery=1, address="sam@example.org", first_name="Sam", token="token").as_email()
        html = mail.get_body(("html",)).get_content()
        assert f"/l/token/{link.number}" in html
        assert OLD not in html


class TestAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "/directory/service-2/",
            "charity.example.org",
            "//evil.example/",
            "ftp://charity.example.org/",
            "javascript:alert(1)",
            "https://",
            "https://user:secret@charity.example.org/",
            "https://charity.example.org\\@evil.example/",
            "https://charity.example.org/a b",
            "https://charity.example.org/a\r\nX: y",
            "https://charity.example.org:port/",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://127。0。0。1/",
            "http://10.1.2.3/",
            "http://[::1]/",
            "http://169.254.169.254/latest/",
            "http://localhost/",
            "http://localhost:9000/",
            "http://localhost./",
            "http://intranet/",
            "http://files.internal/",
            f"https://charity.example.org/{'x' * 500}",
            f"{SITE}/directory/never-there/",
            f"{SITE}/l/token/1",
            f"{SITE}/e-news/u/token/",
            f"{SITE}/admin/",
        ],
    )
    def test_is_refused(self, url):
        with pytest.raises(IssueError):
            check_target(url)

    @pytest.mark.parametrize(
        ("url", "kept"),
        [
            (f" {NEW} ", NEW),
            ("http://charity.example.org", "http://charity.example.org"),
            ("https://familie-münchen.example.org/ü", "https://xn--familie-mnchen-osb.example.org/%C3%BC"),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            (f"{SITE}/join/", f"{SITE}/join/"),
            (f"{SITE}/e-news/", f"{SITE}/e-news/"),
        ],
    )
    def test_is_taken(self, url, kept):
        assert check_target(url) == kept

    def test_of_our_own_takes_a_published_entry_only(self):
        page = factories.entry()
        assert check_target(f"{SITE}/directory/{page.slug}/")
        page.unpublish()
        with pytest.raises(IssueError, match="no page at this address"):
            check_target(f"{SITE}/directory/{page.slug}/")

    def test_refused_changes_nothing(self, link, by):
        with pytest.raises(IssueError):
            retarget(link, "http://10.0.0.1/", by=by, reason="moved")
        with pytest.raises(IssueError, match="why"):
            retarget(link, NEW, by=by, reason="  ")
        link.refresh_from_db()
        assert link.url == OLD
        assert not PageLogEntry.objects.filter(action="newsletter.retarget").exists()

    def test_too_long_for_a_redirect_is_refused_only_where_one_is_needed(self, link, by):
        long = f"https://charity.example.org/{'x' * 300}"
        assert not retarget(link, long, by=by, reason="moved").redirected
        link.item.page.unpublish()
        with pytest.raises(IssueError, match="shorter"):
            retarget(link, f"{long}y", by=by, reason="moved")
        link.refresh_from_db()
        assert link.url == long


def test_where_links_lead_is_told_without_fetching(django_assert_max_num_queries):
    live, hidden, moved = factories.entry(), factories.entry(), factories.entry()
    for page in (hidden, moved):
        page.unpublish()
    Redirect.add_redirect(f"/directory/{moved.slug}/", redirect_to=NEW, is_permanent=False)
    broken = "https://broken.example.org/"
    CheckedLink.objects.create(url=broken, state=CheckedLink.State.BROKEN)
    ours = {page: f"{SITE}/directory/{page.slug}/" for page in (live, hidden, moved)}
    with django_assert_max_num_queries(4):
        found = where_they_lead([*ours.values(), f"{SITE}/join/", f"{SITE}/", broken, NEW])
    assert found == {
        ours[live]: Leads.LIVE,
        ours[hidden]: Leads.GONE,
        ours[moved]: Leads.REDIRECT,
        f"{SITE}/join/": Leads.LIVE,
        f"{SITE}/": Leads.LIVE,
        broken: Leads.BROKEN,
        NEW: Leads.ELSEWHERE,
    }
