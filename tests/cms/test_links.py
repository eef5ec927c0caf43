"""Links: which there are, that following them is safe, and when what was found counts."""

import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest
from django.utils import timezone

from cms import links
from cms.link_fetching import MAX_REDIRECTS, Answer, Network, Verdict, follow, is_public
from cms.models import CheckedLink
from tests import factories

States = CheckedLink.State
HERE = Network(resolve=lambda host: ["127.0.0.1"], allow=lambda address: True)


class Site(BaseHTTPRequestHandler):
    """Answers by the path asked for: /200, /moved/<there>, /found/<there>, /head-405, /loop, /silent, /drip."""

    def do_HEAD(self):
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        word, _, rest = self.path.strip("/").partition("/")
        if word in {"moved", "found"}:
            return self.answer(301 if word == "moved" else 302, {"Location": f"/{rest}"})
        if word == "away":
            return self.answer(301, {"Location": self.server.away})
        if word == "loop":
            return self.answer(302, {"Location": "/loop"})
        if word == "head-405":
            return self.answer(405 if self.command == "HEAD" else 200, {"Set-Cookie": "a=b"})
        if word == "large":
            self.answer(405 if self.command == "HEAD" else 200, {})
            if self.command == "GET":
                self.pour()
            return None
        if word == "drip":
            return self.drip()
        return self.answer(int(word), {})

    do_GET = do_HEAD

    def answer(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def pour(self):
        """A body without an end: whoever reads it all never comes back."""
        try:
            while not self.server.over.is_set():
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.server.stopped.set()

    def drip(self):
        """One byte at a time, never long enough apart for a socket to give up."""
        try:
            while not self.server.over.wait(0.05):
                self.wfile.write(b"H")
        except OSError:
            pass

    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    with serving() as server:
        yield server


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked, server.over, server.stopped, server.away = [], threading.Event(), threading.Event(), ""
    server.daemon_threads = True
    server.url = f"http://links.example.org:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


class TestFollowing:
    @pytest.mark.parametrize(
        ("path", "verdict", "status"),
        [
            ("/200", Verdict.WORKS, 200),
            ("/404", Verdict.GONE, 404),
            ("/410", Verdict.GONE, 410),
            ("/500", Verdict.TROUBLE, 500),
            ("/503", Verdict.TROUBLE, 503),
            ("/401", Verdict.SILENT, 401),
            ("/429", Verdict.SILENT, 429),
            ("/head-405", Verdict.WORKS, 200),
            ("/found/200", Verdict.WORKS, 200),
        ],
    )
    def test_says_what_the_server_says(self, site, path, verdict, status):
        answer = follow(site.url + path, network=HERE)
        assert (answer.verdict, answer.status, answer.location) == (verdict, status, "")
        assert bool(answer.problem) == (verdict != Verdict.WORKS)

    def test_a_permanent_move_is_told_with_its_end(self, site):
        assert follow(f"{site.url}/moved/moved/200", network=HERE).location == f"{site.url}/200"

    def test_of_a_chain_only_its_permanent_part_is_a_move(self, site):
        assert follow(f"{site.url}/moved/found/200", network=HERE).location == f"{site.url}/found/200"
        assert follow(f"{site.url}/found/moved/200", network=HERE).location == ""

    def test_goes_round_in_circles_only_so_often(self, site):
        assert follow(f"{site.url}/loop", network=HERE).verdict == Verdict.TROUBLE
        assert len(site.asked) == MAX_REDIRECTS + 1

    def test_is_honest_and_takes_no_cookie(self, site, settings):
        follow(f"{site.url}/moved/head-405", network=HERE)
        assert [command for command, _, _ in site.asked] == ["HEAD", "HEAD", "GET"]
        for _, _, headers in site.asked:
            assert settings.SITE_URL in headers["User-Agent"]
            assert "Cookie" not in headers
            assert headers["Host"].startswith("links.example.org")

    def test_reads_no_more_than_it_needs(self, site):
        assert follow(f"{site.url}/large", network=HERE).verdict == Verdict.WORKS
        assert site.stopped.wait(10)

    def test_a_server_that_drips_is_left(self, site):
        answer = follow(f"{site.url}/drip", network=HERE, seconds=0.4)
        assert (answer.verdict, answer.problem) == (Verdict.TROUBLE, "Its server did not answer in time.")

    def test_a_refused_connection_is_a_broken_link(self):
        with serving() as server:
            url = f"{server.url}/200"
        assert follow(url, network=HERE).verdict == Verdict.GONE

    @pytest.mark.parametrize(
        "url", ["ftp://example.org/", "file:///etc/passwd", "http://", "https://[x/", "http://a:b/"]
    )
    def test_what_is_no_web_address(self, url):
        assert follow(url, network=HERE).verdict == Verdict.GONE


class TestPublicOnly:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
        ],
    )
    def test_is_never_connected_to(self, site, address):
        assert not is_public(ip_address(address))
        network = Network(resolve=lambda host: [address])
        assert follow(f"{site.url}/200", network=network).problem.startswith("It leads to a private address")
        assert site.asked == []

    @pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
    def test_the_public_internet_is(self, address):
        assert is_public(ip_address(address))

    def test_an_address_in_figures_is_judged_too(self, site):
        assert follow(f"http://127.0.0.1:{site.server_port}/200").verdict == Verdict.GONE
        assert site.asked == []

    def test_a_name_with_one_private_address_is_refused(self, site):
        network = Network(resolve=lambda host: ["93.184.215.14", "10.0.0.1"])
        assert follow(f"{site.url}/200", network=network).verdict == Verdict.GONE

    def test_a_redirect_is_judged_like_the_link(self, site):
        site.away = "http://inside.example.org/"
        inside = {"inside.example.org": ["10.0.0.1"]}
        network = Network(
            resolve=lambda host: inside.get(host, ["127.0.0.1"]),
            allow=lambda address: str(address) == "127.0.0.1" or is_public(address),
        )
        assert follow(f"{site.url}/away", network=network).problem.startswith("It leads to a private address")

    def test_a_name_that_changes_its_mind_leads_nowhere_else(self, site):
        """The address that was judged is the one connected to: the name is asked once for each page."""
        answers = iter([["127.0.0.1"], ["10.0.0.1"]])
        network = Network(resolve=lambda host: next(answers), allow=lambda address: str(address) == "127.0.0.1")
        assert follow(f"{site.url}/200", network=network).verdict == Verdict.WORKS


class TestRecording:
    @pytest.fixture
    def link(self, db):
        return CheckedLink.objects.create(url="https://example.org/a")

    @pytest.mark.parametrize(
        ("answer", "state"),
        [
            (Answer(Verdict.WORKS, 200), States.WORKS),
            (Answer(Verdict.WORKS, 200, location="https://example.org/b"), States.REDIRECTED),
            (Answer(Verdict.GONE, 404, problem="Gone."), States.BROKEN),
            (Answer(Verdict.TROUBLE, 503, problem="Trouble."), States.UNCLEAR),
            (Answer(Verdict.SILENT, 403, problem="Silent."), States.UNCLEAR),
        ],
    )
    def test_the_first_look(self, link, answer, state):
        links.record(link, answer)
        link.refresh_from_db()
        assert (link.state, link.status, link.location, link.problem) == (
            state,
            answer.status,
            answer.location,
            answer.problem,
        )
        assert link.checked_at

    def test_trouble_counts_from_the_second_time_on(self, link):
        for expected in (States.UNCLEAR, States.BROKEN):
            links.record(link, Answer(Verdict.TROUBLE, 503, problem="Trouble."))
            assert link.state == expected
        links.record(link, Answer(Verdict.WORKS, 200))
        assert (link.state, link.failures, link.problem) == (States.WORKS, 0, "")

    def test_silence_never_becomes_broken(self, link):
        for _ in range(3):
            links.record(link, Answer(Verdict.SILENT, problem="No answer."))
        assert link.state == States.UNCLEAR


class TestChecking:
    def test_follows_each_external_link_once(self, db, settings):
        asked = []

        def fetch(url):
            asked.append(url)
            return Answer(Verdict.WORKS, 200)

        urls = [
            "https://example.org/a",
            "https://example.org/a#part",
            f"{settings.SITE_URL}/directory/",
            "mailto:someone@example.org",
        ]
        assert links.check(urls, fetch=fetch) == 1
        assert asked == ["https://example.org/a"]
        assert CheckedLink.objects.get().state == States.WORKS

    def test_no_server_is_asked_more_than_twice_at_once(self):
        many = [f"https://one.example.org/{number}" for number in range(9)] + ["https://two.example.org/"]
        dealt = links.lanes(many)
        assert sorted(url for lane in dealt for url in lane) == sorted(many)
        assert [len(lane) for lane in dealt] == [5, 4, 1]

    def test_what_there_is_no_time_for_waits(self, db):
        assert links.check(["https://example.org/a"], fetch=lambda url: Answer(Verdict.WORKS), seconds=-1) == 0
        assert links.due(["https://example.org/a"]) == ["https://example.org/a"]

    def test_what_is_due(self, db):
        now = timezone.now()
        table = {
            "new": (States.WAITING, 0, None),
            "fresh": (States.WORKS, 0, timedelta(days=6)),
            "old": (States.WORKS, 0, timedelta(days=8)),
            "doubt": (States.UNCLEAR, 1, timedelta(hours=1)),
            "doubt-now": (States.UNCLEAR, 1, timedelta(minutes=1)),
            "silent": (States.UNCLEAR, 0, timedelta(days=2)),
            "broken": (States.BROKEN, 2, timedelta(days=2)),
            "broken-now": (States.BROKEN, 2, timedelta(hours=2)),
        }
        for name, (state, failures, ago) in table.items():
            CheckedLink.objects.create(
                url=f"https://example.org/{name}", state=state, failures=failures, checked_at=ago and now - ago
            )
        CheckedLink.objects.create(url="https://example.org/ignored", ignored=True)
        urls = list(CheckedLink.objects.values_list("url", flat=True))
        found = {url.rpartition("/")[2] for url in links.due(urls)}
        assert found == {"new", "old", "doubt", "broken"}


class TestWhichLinks:
    def test_of_an_entry(self, db, settings):
        page = factories.entry(
            link="https://example.org/guide",
            body='<p><a href="https://example.org/more">more</a> <a href="https://example.org/guide#two">two</a>'
            f'<a linktype="page" id="3">ours</a><a href="{settings.SITE_URL}/directory/">ours</a>'
            '<a href="mailto:x@example.org">write</a><a href="http://[">bad</a></p>',
        )
        assert links.links_in(page) == ["https://example.org/guide", "https://example.org/more"]

    def test_pages_that_rich_text_leads_to(self):
        assert links.pages_in('<a linktype="page" id="3">a</a><a linktype="document" id="4">b</a>') == [3]

    def test_our_own_are_looked_up_in_the_tree(self, db, settings, django_assert_num_queries):
        page = factories.entry()
        hidden = factories.entry(live=False)
        site = settings.SITE_URL
        there = [f"{site}/directory/{page.slug}/", f"{site}/directory/?q=x", f"{site}/", f"{site}/join/", site]
        missing = [f"{site}/directory/{hidden.slug}/", f"{site}/nowhere/"]
        with django_assert_num_queries(2):
            assert links.without_page(there + missing) == set(missing)
        with django_assert_num_queries(2):
            links.without_page(missing[:1])
