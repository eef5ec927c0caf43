"""The bounce mailbox is emptied into the database: nothing is lost or taken twice, wherever it is killed."""

import json
from mailbox import Maildir
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from membership.models import Suppression
from newsletter import collecting, intake, tasks
from newsletter.bounce_checks import check_bounce_settings
from newsletter.collecting import KEPT, MailboxUnavailable, collect
from newsletter.models import Delivery, ProviderEvent, RawReport
from newsletter.sending import drain
from tests import factories
from tests.newsletter.fakes import open_mailing
from tests.servers.imap import ImapServer
from tests.servers.smtp import SmtpServer
from tests.servers.tls import self_signed, speaking


class Folder:
    """A Maildir, and what is in it."""

    def __init__(self, path, settings):
        self.box = Maildir(path / "bounces")
        settings.BOUNCE_MAILBOX = f"maildir://{path}/bounces"

    def put(self, *messages):
        for message in messages:
            self.box.add(message)

    @property
    def left(self):
        return len(self.box)


class Account:
    """An IMAP mailbox, and what is in it."""

    def __init__(self, server, settings):
        self.server = server
        user = quote("bounces@ihop.example.org", safe="")
        settings.BOUNCE_MAILBOX = f"imaps://{user}:p%40ss@127.0.0.1:{server.port}/INBOX"

    def put(self, *messages):
        for message in messages:
            self.server.messages[max(self.server.messages, default=100) + 1] = message

    @property
    def left(self):
        return len(self.server.messages)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed("127.0.0.1", tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ImapServer(speaking(certificate)) as running:
        yield running


@pytest.fixture(params=["maildir", "imap"])
def box(request, db, settings, tmp_path):
    if request.param == "maildir":
        return Folder(tmp_path, settings)
    return Account(request.getfixturevalue("server"), settings)


def letter(number):
    return b"From: MAILER-DAEMON@example.org\nSubject: %d\n\nSorry.\n" % number


def stored():
    return sorted(bytes(row.body) for row in RawReport.objects.all())


def test_what_is_in_it_is_stored_and_taken_out(box):
    box.put(*map(letter, range(3)))
    assert collect() == collecting.Collected(stored=3)
    assert stored() == [letter(number) for number in range(3)]
    assert {(row.provider, json.dumps(row.headers)) for row in RawReport.objects.all()} == {("mailbox", "{}")}
    assert box.left == 0
    assert collect() == collecting.Collected()


def test_the_same_again_is_one(box):
    box.put(letter(1), letter(1))
    collect()
    box.put(letter(1))
    collect()
    assert RawReport.objects.count() == 1
    assert box.left == 0


@pytest.mark.parametrize("reached", [0, 1, 52])
def test_killed_after_so_many_were_stored(box, monkeypatch, reached):
    box.put(*map(letter, range(55)))
    keep, count = intake.keep, iter(range(reached))

    def die(**report):
        if next(count, None) is None:
            raise KeyboardInterrupt
        keep(**report)

    monkeypatch.setattr(intake, "keep", die)
    with pytest.raises(KeyboardInterrupt):
        collect()
    assert RawReport.objects.count() == reached
    assert box.left >= 55 - reached, "nothing was taken out that was not stored"
    monkeypatch.setattr(intake, "keep", keep)
    collect()
    assert stored() == sorted(letter(number) for number in range(55))
    assert box.left == 0


def test_not_more_than_so_many_at_once_and_the_rest_waits(box):
    box.put(*map(letter, range(5)))
    assert collect(limit=3) == collecting.Collected(stored=3, left=True)
    assert box.left == 2
    assert collect(seconds=-1) == collecting.Collected(left=True)
    assert collect(limit=3) == collecting.Collected(stored=2)


def test_of_a_huge_one_the_beginning_is_kept(box):
    box.put(letter(1) + b"x" * 3_000_000)
    collect()
    (body,) = stored()
    assert len(body) == KEPT
    assert body.startswith(letter(1))
    assert box.left == 0


def test_what_somebody_else_has_taken_meanwhile_does_not_matter(box, monkeypatch):
    box.put(*map(letter, range(3)))
    keep = intake.keep

    def taken_meanwhile(**report):
        keep(**report)
        monkeypatch.setattr(intake, "keep", keep)
        collect()

    monkeypatch.setattr(intake, "keep", taken_meanwhile)
    collect()
    assert stored() == [letter(number) for number in range(3)]
    assert box.left == 0


class TestTrouble:
    def test_no_folder(self, settings, tmp_path):
        settings.BOUNCE_MAILBOX = f"maildir://{tmp_path}"
        with pytest.raises(MailboxUnavailable, match=r"is no Maildir: it needs the folders new, cur and tmp"):
            collect()

    def test_wrong_password(self, server, settings):
        settings.BOUNCE_MAILBOX = f"imaps://bounces:guess@127.0.0.1:{server.port}/INBOX"
        with pytest.raises(MailboxUnavailable, match=r"refuses us: check user and password") as caught:
            collect()
        assert "guess" not in str(caught.value)

    def test_a_certificate_nobody_signed_is_not_trusted(self, server, settings, monkeypatch):
        monkeypatch.delenv("SSL_CERT_FILE")
        Account(server, settings)
        with pytest.raises(MailboxUnavailable, match="SSLCertVerificationError"):
            collect()
        assert server.commands == []

    @pytest.mark.parametrize("verb", ["SELECT", "SEARCH", "FETCH", "STORE"])
    def test_a_server_that_does_not_want_to_now(self, db, server, settings, verb):
        box = Account(server, settings)
        box.put(letter(1))
        server.on(verb, "NO not now")
        with pytest.raises(MailboxUnavailable):
            collect()
        assert box.left == 1
        collect()
        assert stored() == [letter(1)]

    def test_the_command_says_what_to_do(self, settings, tmp_path):
        settings.BOUNCE_MAILBOX = f"maildir://{tmp_path}"
        with pytest.raises(CommandError, match="is no Maildir"):
            call_command("read_bounces")
        settings.BOUNCE_MAILBOX = ""
        with pytest.raises(CommandError, match="BOUNCE_MAILBOX is neither"):
            call_command("read_bounces")

    def test_the_task_tries_again_later(self, settings, tmp_path, caplog):
        settings.BOUNCE_MAILBOX = f"maildir://{tmp_path}"
        tasks.read_bounces()
        assert "is no Maildir" in caplog.text
        settings.BOUNCE_MAILBOX = ""
        tasks.read_bounces()


def test_the_task_has_what_it_fetched_read(box, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.read_reports, "apply_async", lambda **kwargs: asked.append(True))
    cache.clear()
    tasks.read_bounces()
    assert not asked
    box.put(letter(1))
    tasks.read_bounces()
    assert asked


@pytest.mark.parametrize(
    "address",
    ["maildir://relative", "maildir:", "imap://a:b@host", "imaps://host/INBOX", "imaps://a@host", "imaps://a:b@host:x"],
)
def test_an_address_that_will_not_do_is_named(settings, address):
    settings.BOUNCE_MAILBOX = address
    with pytest.raises(ImproperlyConfigured, match="BOUNCE_MAILBOX"):
        collecting.parsed(address)
    (error,) = check_bounce_settings()
    assert (error.id, bool(error.hint)) == ("newsletter.E031", True)


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, []),
        ({"EMAIL_PROVIDER": "smtp"}, ["newsletter.W031"]),
        ({"EMAIL_PROVIDER": "smtp", "BOUNCE_ADDRESS": "b@ihop.example.org"}, ["newsletter.W032"]),
        ({"EMAIL_PROVIDER": "smtp", "BOUNCE_MAILBOX": "maildir:///b"}, ["newsletter.W032"]),
        ({"EMAIL_PROVIDER": "smtp", "BOUNCE_MAILBOX": "maildir:///b", "BOUNCE_ADDRESS": "b@news.ihop.example.org"}, []),
        ({"BOUNCE_ADDRESS": "b+c@ihop.example.org"}, ["newsletter.E030"]),
        ({"BOUNCE_ADDRESS": "b@elsewhere.example.org"}, ["newsletter.W030"]),
        ({"BOUNCE_MAILBOX": "imaps://b%40example.org:p%40ss@mail.example.org/INBOX"}, []),
    ],
)
def test_settings_are_checked_at_start_up(settings, changes, ids):
    settings.NEWS_FROM = "i-HOP e-news <news@ihop.example.org>"
    for name, value in changes.items():
        setattr(settings, name, value)
    found = check_bounce_settings()
    assert [one.id for one in found] == ids
    assert all(one.hint for one in found)


REPORT = """\
From: MAILER-DAEMON@mail.example.org (Mail Delivery System)
To: {to}
Date: Mon, 2 Nov 2026 09:00:03 +0000
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"
MIME-Version: 1.0

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown

--b
Content-Type: message/rfc822

{original}
--b--
"""


@pytest.mark.parametrize("how", ["by the return path", "by the message"])
def test_from_the_send_to_the_suppression(db, settings, tmp_path, how, capsys):
    """Sent over SMTP, sent back by the other side, fetched, read: the member is not mailed again."""
    folder = Folder(tmp_path, settings)
    ada, bob = factories.subscription("ada@example.org"), factories.subscription("bob@example.org")
    issue = open_mailing([ada, bob])
    with SmtpServer("PIPELINING") as server:
        settings.EMAIL_PROVIDER, settings.EMAIL_TIMEOUT = "smtp", 5
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.BOUNCE_ADDRESS = "bounces@ihop.example.org" if how == "by the return path" else ""
        drain(issue)
    (sent,) = [one for one in server.accepted if "ada@" in one.recipient]
    sender = sent.sender.partition("<")[2].partition(">")[0]
    report = REPORT.format(to=sender, recipient="ada@example.org", original=sent.content.decode())
    folder.put(report.encode())
    call_command("read_bounces", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "fetched": 1,
        "left": False,
        "read": 1,
        "events": 1,
        "failed": 0,
    }
    event = ProviderEvent.objects.get()
    assert event.delivery == Delivery.objects.get(member=ada.member)
    assert (event.event_type, event.verdict) == ("bounced", "hard")
    assert Suppression.objects.get().address_hash == ada.member.user.address_hash
    assert folder.left == 0
