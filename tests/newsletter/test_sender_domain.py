"""SPF, DKIM and DMARC of the sender's domain, asked of a name server that says what the test says."""

from datetime import timedelta

import dns.resolver
import pytest
from django.utils import timezone

from newsletter.models import NewsletterSettings, SenderCheck
from newsletter.sender_domain import (
    OFTEN,
    State,
    Unanswered,
    ask_dns,
    domain_of,
    is_due,
    look_up,
    ours,
    refresh,
)

GOOD = {
    "example.org": ["google-site-verification=x", "v=spf1 include:spf.provider.example ~all"],
    "spf.provider.example": ["v=spf1 ip4:192.0.2.0/24 ~all"],
    "_dmarc.example.org": ["v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"],
    "s1._domainkey.example.org": ["v=DKIM1; k=rsa; p=MIGf"],
}


def asking(zone):
    return lambda name: list(zone.get(name, []))


def states(zone, selectors=("s1",), domain="example.org"):
    return {record.name: record.state for record in look_up(domain, ask=asking(zone), selectors=list(selectors))}


def sentence(name, zone):
    return next(
        record.sentence for record in look_up("example.org", ask=asking(zone), selectors=["s1"]) if record.name == name
    )


def test_a_domain_in_good_order():
    assert set(states(GOOD).values()) == {State.GOOD}


def test_a_domain_that_says_nothing():
    assert set(states({}).values()) == {State.BAD}


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        (["v=spf1 mx a:mail.example.org -all"], State.GOOD, "2 look-ups"),
        (["v=spf1 ip4:192.0.2.1"], State.WEAK, "does not say what to do"),
        (["v=spf1 +all"], State.BAD, "everybody"),
        (["v=spf1 -all", "v=spf1 ~all"], State.BAD, "2 SPF records"),
        (["v=spf10 -all"], State.BAD, "no SPF record"),
        (["v=spf1 include:none.example -all"], State.BAD, "none.example, which has no SPF"),
        (["v=spf1 include:example.org -all"], State.BAD, "circle"),
        (["v=spf1 redirect=spf.provider.example"], State.GOOD, "1 look-ups"),
        (["v=spf1 all.example -all"], State.GOOD, "0 look-ups"),
        (["v=spf1 " + " ".join(f"a:h{number}.example" for number in range(11)) + " -all"], State.BAD, "more than 10"),
    ],
)
def test_spf(records, state, words):
    zone = GOOD | {"example.org": records}
    assert states(zone)["spf"] == state
    assert words in sentence("spf", zone)


def test_spf_is_not_followed_for_ever():
    """Includes that include ever more of them: it stops once too many are seen."""
    asked = []

    def ask(name):
        asked.append(name)
        return [f"v=spf1 include:a{len(asked)}.example include:b{len(asked)}.example -all"]

    (spf, *_) = look_up("example.org", ask=ask, selectors=[])
    assert spf.state == State.BAD
    assert len(asked) < 20


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ("v=DMARC1; p=reject", State.GOOD),
        ("v=DMARC1;p=none", State.WEAK),
        ("v=DMARC1; rua=mailto:a@example.org", State.BAD),
        ("something else", State.BAD),
    ],
)
def test_dmarc(record, state):
    assert states(GOOD | {"_dmarc.example.org": [record]})["dmarc"] == state


def test_dmarc_of_the_domain_above_counts():
    zone = {"_dmarc.example.org": ["v=DMARC1; p=reject; sp=none"]}
    assert states(zone, domain="news.example.org")["dmarc"] == State.WEAK
    zone = {"_dmarc.example.org": ["v=DMARC1; p=reject"]}
    assert states(zone, domain="news.example.org")["dmarc"] == State.GOOD


def test_dkim_needs_to_know_the_selectors():
    assert states(GOOD, selectors=())["dkim"] == State.UNKNOWN
    assert states(GOOD, selectors=("s1", "s2"))["dkim"] == State.BAD
    assert states(GOOD | {"s1._domainkey.example.org": ["v=DKIM1; p="]})["dkim"] == State.BAD


def test_silence_is_said_and_not_raised():
    def ask(name):
        raise Unanswered(name)

    found = look_up("example.org", ask=ask, selectors=["s1"])
    assert {record.state for record in found} == {State.UNANSWERED}


def test_a_name_server_that_is_not_there_has_not_answered(monkeypatch):
    def nobody(*args, **kwargs):
        raise dns.resolver.LifetimeTimeout(timeout=5, errors=[])

    monkeypatch.setattr(dns.resolver.Resolver, "resolve", nobody)
    with pytest.raises(Unanswered):
        ask_dns("example.org")


@pytest.mark.parametrize(
    ("sender", "domain"),
    [("i-HOP <news@Example.ORG>", "example.org"), ("news@bücher.example", "xn--bcher-kva.example"), ("", "")],
)
def test_domain_of(sender, domain):
    assert domain_of(sender) == domain


class TestKeeping:
    @pytest.fixture(autouse=True)
    def sender(self, db, settings):
        settings.NEWS_FROM, settings.DKIM_SELECTORS = "i-HOP <news@example.org>", ["s1"]

    def test_what_was_found_is_kept(self):
        assert is_due()
        check = refresh(ask=asking(GOOD))
        assert [record.state for record in ours(SenderCheck.objects.get())] == [State.GOOD] * 3
        assert (check.domain, is_due()) == ("example.org", False)

    def test_it_is_not_asked_again_within_hours(self):
        refresh(ask=asking({}))
        refresh(ask=asking(GOOD))
        assert {record.state for record in ours(SenderCheck.objects.get())} == {State.BAD}
        SenderCheck.objects.update(checked_at=timezone.now() - OFTEN)
        refresh(ask=asking(GOOD))
        assert {record.state for record in ours(SenderCheck.objects.get())} == {State.GOOD}

    def test_by_hand_after_a_minute(self):
        refresh(ask=asking({}))
        SenderCheck.objects.update(checked_at=timezone.now() - timedelta(minutes=2))
        refresh(ask=asking(GOOD), by_hand=True)
        assert {record.state for record in ours(SenderCheck.objects.get())} == {State.GOOD}

    def test_the_editors_sender_counts(self):
        chosen = NewsletterSettings.load()
        chosen.sender = "News <news@news.example.org>"
        chosen.save()
        assert refresh(ask=asking(GOOD)).domain == "news.example.org"
