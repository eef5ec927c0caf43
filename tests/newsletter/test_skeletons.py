"""A prepared message must read exactly as its edition says, whoever it is for."""

import html
import re
import uuid
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter import skeletons
from newsletter.freezing import freeze
from newsletter.models import Delivery, Edition, Link, Mailing, NewsletterSettings, Prepared
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT
from newsletter.skeletons import Altered, Message, Variant, Workshop, greeting_for
from newsletter.tokens import delivery_token
from newsletter.transports.wire import on_the_wire

TOKEN = delivery_token(uuid.UUID(int=7))
SITE = "http://localhost:8000"
NAMES = {
    "plain": "Sam",
    "none": "",
    "quotes": 'O\'Neil "Queenie"',
    "markup": "<b>Tom</b> & Jerry",
    "full stop": ".Sam",
    "from": "From here",
    "line breaks": "Sam\r\nBcc: other@example.org\r\n\r\nHello",
    "emoji": "👩🏽‍🚒" * 12,
    "accents": "é" * 150,
    "long": "x" * 150,
    "equals": "=20=3D" * 25,
    "arabic": "أحمد بن محمد",
    "bidi": "Sam\u202e\u2066maS\u2069",
    "blanks": "  Mary   Jane ",
}
VARIANTS = [Variant(), Variant(clicks=True), Variant(opens=True), Variant(clicks=True, opens=True)]


@pytest.fixture
def edition(issue, members) -> Edition:
    freeze(issue)
    Mailing.objects.update(started_at=issue.mailing.frozen_at)
    return Delivery.objects.get(member=members[0].member).edition


@pytest.fixture
def workshop(issue, edition) -> Workshop:
    return Workshop(issue)


def message(workshop: Workshop, edition: Edition, variant: Variant = VARIANTS[0], **changes: object) -> Message:
    values = {"delivery": 41, "address": "ada@example.org", "first_name": "Ada", "token": TOKEN, **changes}
    return workshop.skeleton(edition.pk, variant).message(**values)


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def part(mail: EmailMessage, subtype: str) -> str:
    body = mail.get_body((subtype,))
    assert body.get_content_charset() == "utf-8"
    return body.get_content().replace("\r\n", "\n").removesuffix("\n")


def expected_html(edition: Edition, variant: Variant, greeting: str) -> str:
    """The stored HTML with the slots filled in, links and pixel put in place by plain text replacement."""
    page = edition.html
    if variant.clicks:
        for link in Link.objects.filter(issue=edition.issue):
            page = page.replace(f'href="{html.escape(link.url)}"', f'href="{SITE}/l/{TOKEN}/{link.number}"')
    if variant.opens:
        pixel = f'<img src="{SITE}/o/{TOKEN}.gif" width="1" height="1" alt="" style="display:block;border:0"></body>'
        page = page.replace("</body>", pixel)
    return page.replace(TOKEN_SLOT, TOKEN).replace(GREETING_SLOT, html.escape(greeting)).removesuffix("\n")


def body_lines(content: bytes) -> list[bytes]:
    """The lines below the header, once the rules for all lines are seen to be kept (RFC 5322, 2.1.1; RFC 5321)."""
    assert content.replace(b"\r\n", b"").count(b"\n") == content.replace(b"\r\n", b"").count(b"\r") == 0
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert [line for line in lines if line.startswith((b".", b"From "))] == []
    return lines[lines.index(b"") :]


def too_long(content: bytes) -> list[bytes]:
    """Lines that quoted-printable does not allow (RFC 2045, 6.7)."""
    return [line for line in body_lines(content) if len(line) > 76]


@pytest.mark.parametrize("variant", VARIANTS, ids=["plain", "clicks", "opens", "both"])
def test_reads_as_the_edition_says(workshop, edition, variant):
    for name in NAMES.values():
        content = message(workshop, edition, variant, first_name=name).as_bytes()
        mail, greeting = parsed(content), greeting_for(name)
        assert mail.defects == []
        assert str(mail["Subject"]) == edition.subject
        assert part(mail, "html") == expected_html(edition, variant, greeting), name
        text = edition.text.replace(TOKEN_SLOT, TOKEN).replace(GREETING_SLOT, greeting).removesuffix("\n")
        assert part(mail, "plain") == text, name
        assert [kind.get_content_type() for kind in mail.iter_parts()] == ["text/plain", "text/html"]
        assert body_lines(content)


@pytest.mark.parametrize("variant", VARIANTS, ids=["plain", "clicks", "opens", "both"])
def test_no_line_is_longer_than_quoted_printable_allows(workshop, edition, variant):
    for name in NAMES.values():
        assert too_long(message(workshop, edition, variant, first_name=name).as_bytes()) == []


class TestGreeting:
    @pytest.mark.parametrize(
        ("name", "greeting"),
        [
            ("Sam", "Hello Sam,"),
            ("", "Hello,"),
            (" \r\n ", "Hello,"),
            ("  Mary   Jane ", "Hello Mary Jane,"),
            ("Sam\r\nBcc: x", "Hello Sam Bcc: x,"),
            ("\u202eSam\u202c", "Hello Sam,"),
            ("أحمد", "Hello أحمد,"),
        ],
    )
    def test_is_one_line_without_controls(self, name, greeting):
        assert greeting_for(name) == greeting

    @pytest.mark.parametrize("name", ["{{ unsubscribe }}", "%recipient.email%", "*|EMAIL|*", "<%name%>", "[[name]]"])
    def test_holds_nothing_that_a_provider_would_fill_in(self, name):
        assert name not in greeting_for(name)

    @given(st.text(max_size=150))
    @settings(deadline=None, database=None)
    def test_any_name_gives_one_greeting(self, name):
        greeting = greeting_for(name)
        assert greeting.startswith("Hello")
        assert greeting.endswith(",")
        assert len(greeting.splitlines()) == 1


class TestHeaders:
    def test_are_those_that_the_world_asks_for(self, workshop, edition, issue, settings):
        mail = parsed(message(workshop, edition).as_bytes())
        assert mail["List-Unsubscribe"] == f"<{SITE}/e-news/u/{TOKEN}/>"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert re.fullmatch(r"i-HOP e-news <[a-z0-9.-]+>", mail["List-Id"])
        assert mail["Auto-Submitted"] == "auto-generated"
        assert issue.period in mail["Feedback-ID"]
        assert mail["Message-ID"] == "<41.2026-10@ihop.example.org>"
        assert mail["From"] == "i-HOP e-news <news@ihop.example.org>"
        assert mail["From"].addresses[0].addr_spec not in settings.ACCOUNTS_FROM
        assert mail["Date"].datetime == issue.get_mailing().started_at.replace(microsecond=0)
        assert mail["MIME-Version"] == "1.0"

    def test_each_stands_once_and_nobody_is_copied(self, workshop, edition):
        mail = parsed(message(workshop, edition).as_bytes())
        names = [name.lower() for name in mail]
        assert len(names) == len(set(names))
        assert mail.get_all("To") == ["ada@example.org"]
        assert not {"cc", "bcc", "reply-to", "return-path", "x-mailer"} & set(names)

    def test_say_nothing_of_the_person_but_where_they_must(self, workshop, edition):
        ada = parsed(message(workshop, edition).as_bytes())
        bea = parsed(message(workshop, edition, delivery=42, address="bea@example.org", token="B" * 24).as_bytes())
        different = {name for name in ada if ada[name] != bea[name]}
        assert different == {"To", "Message-ID", "List-Unsubscribe"}

    @pytest.mark.parametrize(
        "address", ["sam@xn--bcher-kva.example", f"{'a' * 64}@{'b' * 60}.example.org", "o'neil+x@example.org"]
    )
    def test_any_address_that_we_keep_stands_in_to(self, workshop, edition, address):
        content = message(workshop, edition, address=address).as_bytes()
        assert f"\r\nTo: {address}\r\n".encode() in content.partition(b"\r\n\r\n")[0]

    @pytest.mark.parametrize(
        "wrong", ["a@example.org\r\nBcc: b@example.org", "a@example.org\nX: y", "a\x00@example.org"]
    )
    def test_address_that_breaks_out_of_its_header_is_refused(self, workshop, edition, wrong):
        with pytest.raises(ValueError, match=r"."):
            message(workshop, edition, address=wrong).as_bytes()

    @pytest.mark.parametrize(
        "subject",
        [
            "Neues für Fachkräfte: “Kinder & Familien” — Oktober",
            "x" * 120,
            "word " * 23 + "end",
            "👨‍👩‍👧 " * 15,
            "عدد أكتوبر من النشرة الإخبارية",
        ],
    )
    def test_any_subject_arrives_as_it_was_written(self, workshop, edition, subject):
        Edition.objects.filter(pk=edition.pk).update(subject=subject)
        Prepared.objects.all().delete()
        content = message(workshop, edition).as_bytes()
        assert body_lines(content)
        assert content.partition(b"\r\n\r\n")[0].isascii()
        assert str(parsed(content)["Subject"]).strip() == subject.strip()

    @pytest.mark.parametrize(
        ("sender", "name"),
        [
            ("Größe & Söhne <news@example.org>", "Größe & Söhne"),
            ('"i-HOP, the hub" <news@example.org>', "i-HOP, the hub"),
            ("news@example.org", ""),
        ],
    )
    def test_sender_is_one_address_with_its_name(self, issue, edition, settings, sender, name):
        settings.NEWS_FROM = sender
        Prepared.objects.all().delete()
        mail = parsed(message(Workshop(issue), edition).as_bytes())
        (only,) = mail["From"].addresses
        assert (only.display_name, only.addr_spec) == (name, "news@example.org")


class TestChosenSender:
    """What editors decide in the e-news settings."""

    @pytest.fixture
    def chosen(self, issue, edition):
        Prepared.objects.all().delete()
        found = NewsletterSettings.load()
        found.sender, found.reply_to = "Größe & Söhne <hub@ihop.example.org>", "answers@example.org"
        found.full_clean()
        found.save()
        return found

    def test_stands_in_the_headers_and_the_envelope(self, chosen, issue, edition):
        made = message(Workshop(issue), edition)
        mail = parsed(made.as_bytes())
        (only,) = mail["From"].addresses
        assert (only.display_name, only.addr_spec) == ("Größe & Söhne", "hub@ihop.example.org")
        assert mail["Reply-To"].addresses[0].addr_spec == "answers@example.org"
        assert made.sender == "hub@ihop.example.org"
        assert mail["Message-ID"].endswith("@ihop.example.org>")
        assert mail["List-Id"] == "i-HOP e-news <e-news.localhost>"
        assert mail.defects == []

    def test_of_a_frozen_issue_stays_even_for_messages_prepared_later(self, chosen, issue, edition):
        before = parsed(message(Workshop(issue), edition).as_bytes())
        NewsletterSettings.objects.update(sender="Other <other@ihop.example.org>", reply_to="")
        later = message(Workshop(issue), edition, VARIANTS[3])
        after = parsed(later.as_bytes())
        assert (after["From"], after["Reply-To"]) == (before["From"], before["Reply-To"])
        assert later.sender == "hub@ihop.example.org"

    def test_an_answer_address_beyond_ascii_is_encoded(self, chosen, issue, edition):
        NewsletterSettings.objects.update(reply_to="answers@bücher.example")
        mail = parsed(message(Workshop(issue), edition).as_bytes())
        assert mail["Reply-To"].addresses[0].addr_spec == "answers@xn--bcher-kva.example"

    @pytest.mark.parametrize("field", ["sender", "reply_to"])
    @pytest.mark.parametrize("evil", ["a@ihop.example.org\r\nBcc: b@example.org", "a\u202e@ihop.example.org"])
    def test_that_would_break_out_of_its_header_is_refused(self, chosen, issue, field, evil):
        NewsletterSettings.objects.update(**{field: evil})
        with pytest.raises(ValueError, match="one line of visible characters"):
            Workshop(issue)


def test_the_same_person_gets_the_same_bytes_every_time(issue, edition):
    """So that a hand-over repeated under an idempotency key is the very same message."""
    contents = set()
    for day in ("2026-11-01", "2026-11-03"):
        with time_machine.travel(day):
            contents.add(message(Workshop(issue), edition, VARIANTS[3]).as_bytes())
    assert len(contents) == 1


def test_boundary_is_stable_and_occurs_nowhere_else(issue, edition):
    boundaries = set()
    for _ in range(2):
        content = message(Workshop(issue), edition).as_bytes()
        boundary = parsed(content).get_boundary()
        boundaries.add(boundary)
        assert content.count(boundary.encode()) == 4  # named once, then around two parts
    assert len(boundaries) == 1


def test_mail_without_consent_holds_no_personal_address_but_leave_and_preferences(workshop, edition):
    mail = parsed(message(workshop, edition).as_bytes())
    whole = part(mail, "html") + part(mail, "plain")
    addresses = re.findall(r'https?://[^\s"<>]+', whole)
    personal = {address.replace(TOKEN, "*") for address in addresses if TOKEN in address}
    assert personal == {f"{SITE}/e-news/u/*/", f"{SITE}/e-news/p/*/"}
    assert whole.count(TOKEN) == sum(TOKEN in address for address in addresses)
    assert not re.search(r"/l/|/o/|\.gif", whole)
    assert "ada@example.org" not in whole


def test_tracked_mail_leads_through_our_links_only_where_they_were(workshop, edition):
    plain = set(re.findall(r'<a\b[^>]*href="([^"]*)"', part(parsed(message(workshop, edition).as_bytes()), "html")))
    tracked = message(workshop, edition, Variant(clicks=True))
    links = set(re.findall(r'<a\b[^>]*href="([^"]*)"', part(parsed(tracked.as_bytes()), "html")))
    replaced = {html.escape(url) for url in Link.objects.values_list("url", flat=True)} & plain
    assert len(replaced) == edition.places.count() == 3
    assert len(links - plain) == 3
    assert plain - links == replaced
    assert all(re.fullmatch(rf"{SITE}/l/{TOKEN}/\d+", link) for link in links - plain)


PIECES = [
    ".",
    "..",
    "From ",
    "=",
    "=20",
    " ",
    "\t",
    "\n",
    "\n.",
    "\nFrom ",
    "é",
    "👩🏽‍🚒",
    "x",
    "x" * 74,
    "y" * 200,
    "<p>",
]
bodies = st.lists(st.sampled_from([*PIECES, TOKEN_SLOT, GREETING_SLOT]), max_size=40).map("".join)


@given(text=bodies, page=bodies, name=st.sampled_from(list(NAMES.values())))
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_content_survives_its_encoding(workshop, text, page, name):
    edition = Edition(issue=workshop.issue, subject="Any", html=page, text=text, content_hash="1" * 64)
    skeleton = workshop.build(edition, Variant())
    made = skeleton.message(delivery=1, address="ada@example.org", first_name=name, token=TOKEN)
    content = made.as_bytes()
    assert too_long(content) == []
    assert skeleton.is_wire_clean
    assert made.as_wire() == on_the_wire(content)
    mail, greeting = parsed(content), greeting_for(name)
    for subtype, source, said in (("plain", text, greeting), ("html", page, html.escape(greeting))):
        body = mail.get_body((subtype,)).get_content().replace("\r\n", "\n")
        assert body == source.replace(TOKEN_SLOT, TOKEN).replace(GREETING_SLOT, said)


class TestWhatIsStored:
    def test_every_edition_is_prepared_when_the_issue_is_frozen(self, issue, edition):
        prepared = Prepared.objects.filter(edition__issue=issue, clicks=False, opens=False)
        assert prepared.count() == issue.editions.count()

    def test_a_variant_is_prepared_once_when_it_is_first_needed(self, issue, edition, django_assert_num_queries):
        first = message(Workshop(issue), edition, VARIANTS[3]).as_bytes()
        workshop = Workshop(issue)
        with django_assert_num_queries(1):
            again = [message(workshop, edition, VARIANTS[3]).as_bytes() for _ in range(3)]
        assert again == [first] * 3
        assert Prepared.objects.filter(edition=edition, clicks=True, opens=True).count() == 1

    def test_another_process_sends_what_was_prepared_whatever_its_settings_say(self, issue, edition, settings):
        before = message(Workshop(issue), edition).as_bytes()
        settings.SITE_URL = "https://elsewhere.example.org"
        assert message(Workshop(issue), edition).as_bytes() == before

    def test_what_was_altered_in_the_database_is_not_sent(self, issue, edition):
        stored = Prepared.objects.get(edition=edition, clicks=False, opens=False)
        stored.content = bytes(stored.content).replace(b"Dear", b"Oh dear").replace(b"i-HOP", b"o-HIP")
        stored.save()
        with pytest.raises(Altered, match="do not send"):
            message(Workshop(issue), edition)

    def test_memory_holds_a_bounded_number_of_skeletons(self, issue, edition, monkeypatch):
        monkeypatch.setattr(skeletons, "KEPT", 2)
        workshop = Workshop(issue)
        contents = [message(workshop, edition, variant).as_bytes() for variant in VARIANTS * 2]
        assert contents[:4] == contents[4:]
