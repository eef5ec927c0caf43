"""What comes back by mail: each form becomes the right event and verdict, and what proves nothing becomes nothing."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cms.addresses import address_hash
from membership.models import Subscription, Suppression
from newsletter import intake
from newsletter.bounces import returned
from newsletter.models import Delivery, ProviderEvent, RawReport
from newsletter.tokens import token_hash
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand
from tests.newsletter.posting import DELIVERY, PAYLOADS

MESSAGES = PAYLOADS / "mailbox"
TOKEN = "Q7wE2rT9yU4iO1pA8sD5fG3h"  # of the delivery that all of them are about
# What each file comes to: (event, verdict, reason).
FOUND = {
    "postfix_unknown_user": ("bounced", "hard", "bounced"),
    "postfix_no_code": ("bounced", "hard", "bounced"),
    "postfix_over_quota": ("bounced", "soft", "bounced"),
    "postfix_policy_block": ("bounced", "soft", "blocked"),
    "postfix_expired": ("bounced", "soft", "bounced"),
    "postfix_delayed": ("deferred", "", ""),
    "postfix_delivered": ("delivered", "", ""),
    "exchange_unknown_user": ("bounced", "hard", "bounced"),
    "exchange_several_recipients": ("bounced", "soft", "bounced"),  # hers is full, the other one's is dead
    "gmail_unknown_user": ("bounced", "hard", "bounced"),
    "gmail_delayed": ("deferred", "", ""),
    "gmail_reputation": ("bounced", "soft", "blocked"),
    "utf8_report": ("bounced", "hard", "bounced"),
    "sent_on_to_a_dead_mailbox": ("bounced", "soft", "bounced"),
    "came_to_the_sender": ("bounced", "hard", "bounced"),
    "qmail_unknown_user": ("bounced", "hard", "bounced"),
    "qmail_to_the_sender": ("bounced", "hard", "bounced"),
    "exim_old": ("bounced", "soft", "bounced"),
    "arf_abuse": ("complained", "", ""),
    "arf_abuse_by_token": ("complained", "", ""),
    "arf_headers_only": ("complained", "", ""),
}
NOTHING = {
    "arf_not_spam",
    "arf_forged",
    "forged_hash",
    "forged_number",
    "forged_message_id",
    "out_of_office",
    "vacation_by_the_server",
    "answer_by_a_person",
    "read_receipt",
    "garbage",
    "empty",
}


@pytest.fixture
def ada(db) -> Subscription:
    return factories.subscription("ada@example.org")


@pytest.fixture
def delivery(ada) -> Delivery:
    issue = open_mailing([ada])
    Delivery.objects.update(id=DELIVERY)
    send_by_hand(issue)
    Delivery.objects.update(token_hash=token_hash(TOKEN))
    return Delivery.objects.get()


def content(name: str) -> bytes:
    return (MESSAGES / f"{name}.eml").read_bytes()


def take(*bodies: bytes) -> intake.Read:
    for body in bodies:
        intake.keep(provider="mailbox", body=body, headers={})
    return intake.read_all()


def test_every_message_is_tried():
    assert {path.stem for path in Path(MESSAGES).iterdir()} == FOUND.keys() | NOTHING


@pytest.mark.parametrize("name", FOUND)
def test_is_read_as(delivery, name):
    assert take(content(name)).events == 1
    event = ProviderEvent.objects.get()
    assert (event.event_type, event.verdict, event.reject_reason) == FOUND[name]
    assert (event.delivery, event.provider) == (delivery, "mailbox")
    suppressed = [one.reason for one in Suppression.objects.all()]
    hard, complained = event.verdict == "hard", event.event_type == "complained"
    assert suppressed == (["bounced"] if hard else ["complained"] if complained else [])
    assert Subscription.objects.get().state == ("ended" if complained else "active")


@pytest.mark.parametrize("name", sorted(NOTHING))
def test_says_nothing(delivery, name):
    done = take(content(name))
    assert (done.reports, done.events, done.failed) == (1, 0, 0)
    assert not ProviderEvent.objects.exists()
    assert not Suppression.objects.exists()


def test_the_date_is_the_messages_own_where_it_can_be(delivery):
    RawReport.objects.create(
        provider="mailbox",
        body=content("postfix_over_quota"),
        digest="1",
        received_at=datetime(2026, 11, 2, 12, tzinfo=UTC),
    )
    intake.read_all()
    assert ProviderEvent.objects.get().happened_at.isoformat() == "2026-11-02T09:00:03+00:00"


def test_fifty_times_in_other_words_is_one_event(delivery):
    bodies = [content("postfix_unknown_user") + b"\nX-Copy: %d\n" % number for number in range(50)]
    assert take(*bodies).events == 1
    assert RawReport.objects.count() == 50


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_does_not_matter(delivery, order):
    Delivery.objects.update(state="unknown", reason="test")
    take(*[content(name) for name in ("postfix_delayed", "postfix_unknown_user", "arf_abuse")][::order])
    assert Delivery.objects.get().state == "sent", "what came back was sent"
    assert ProviderEvent.objects.count() == 3
    assert Subscription.objects.get().state == "ended"


def test_nobody_elses_address_is_suppressed_whatever_a_message_names(delivery):
    """Somebody who has the mail can write its bounce; naming another address must not harm that one."""
    victim = factories.subscription("victim@example.org")
    forged = content("postfix_unknown_user").replace(b"ada@example.org", b"victim@example.org")
    take(forged)
    assert ProviderEvent.objects.get().verdict == "soft"
    assert not Suppression.objects.filter(address_hash=victim.member.user.address_hash).exists()
    assert not Suppression.objects.exists()


def test_who_has_changed_the_address_since_is_not_cut_off(delivery, ada):
    ada.member.user.email = "ada@elsewhere.example.org"
    ada.member.user.address_hash = address_hash("ada@elsewhere.example.org")
    ada.member.user.save()
    take(content("postfix_unknown_user"))
    assert not Suppression.objects.exists()


def test_after_the_key_was_changed(delivery, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert take(content("postfix_unknown_user")).events == 1


def test_a_member_who_has_gone_leaves_the_event(delivery, ada):
    Delivery.objects.update(member=None)
    assert take(content("postfix_unknown_user")).events == 1
    assert not Suppression.objects.exists()


def test_a_huge_one_is_read_from_its_beginning(delivery):
    huge = content("postfix_unknown_user").replace(b"\n--9C1B21C0D5.1793610003/mx.ihop.example.org--", b"x" * 300_000)
    assert take(huge[: 256 * 1024]).events == 1


@pytest.mark.parametrize(
    "body",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)),
        b"Content-Type: message/rfc822\n\n" * 8000,
        b"From: mailer-daemon@example.org\nTo: %b\n\n" % b"bounces+4711-286474e545bedde9e3c3@ihop.example.org"
        + b"\n" * 250_000,
        b"To: " + b"+1-" * 80_000,
        b"List-Unsubscribe: <" * 10_000,
    ],
    ids=["parts in parts", "mails in mails", "empty lines", "half an address", "half a header"],
)
def test_what_is_made_to_be_slow_is_not(delivery, body):
    assert take(body[: 256 * 1024]).events == 0  # without its guards, this takes minutes


def test_nothing_of_a_message_is_logged(delivery, caplog):
    caplog.set_level(logging.DEBUG)
    take(*(content(name) for name in [*FOUND, *NOTHING]))
    assert "proves no delivery of ours" in caplog.text
    assert "ada" not in caplog.text
    assert "286474e545" not in caplog.text


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        ("5.1.1", "", ("hard", "bounced")),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", ("hard", "bounced")),
        ("5.2.1", "550 5.2.1 The account is disabled", ("hard", "bounced")),
        ("5.0.0", "550 5.1.1 no such user", ("hard", "bounced")),
        ("5.0.0", "550 unknown user", ("hard", "bounced")),
        ("", "Recipient address rejected: user does not exist", ("hard", "bounced")),
        ("5.0.0", "554 we do not like you", ("soft", "bounced")),
        ("5.0.0", "554 rejected, listed on a blocklist", ("soft", "blocked")),
        ("5.1.7", "553 5.1.7 sender address has bad syntax", ("soft", "bounced")),
        ("5.1.8", "sender domain does not exist", ("soft", "bounced")),
        ("5.2.2", "mailbox full", ("soft", "bounced")),
        ("5.3.4", "message too big", ("soft", "bounced")),
        ("5.4.4", "host not found", ("soft", "bounced")),
        ("5.7.26", "unauthenticated mail, user unknown", ("soft", "blocked")),
        ("5.6.0", "content", ("soft", "blocked")),
        ("4.4.7", "expired", ("soft", "bounced")),
        ("", "", ("soft", "bounced")),
    ],
)
def test_hard_is_only_what_says_that_nobody_is_there(status, words, expected):
    assert returned(status, words) == expected
