"""What the domain name system says about our sender's domain: SPF, DKIM and DMARC.

Large mailboxes refuse bulk mail from domains that do not say who may send for them. It is looked up in the background
and kept (`SenderCheck`); the pre-flight only reads it. The questions are asked by dnspython. Of the answers only what
somebody can do something about is read: whether a record is there, is the only one, and does what it is for.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from itertools import islice

import dns.exception
import dns.resolver
from django.conf import settings
from django.utils import timezone

from newsletter.models import NewsletterSettings, SenderCheck

QUESTION_SECONDS = 5.0
MAX_LOOKUPS = 10  # RFC 7208, section 4.6.4: beyond it, SPF fails for every mail
OFTEN = timedelta(hours=6)
AT_MOST = timedelta(minutes=1)  # how often somebody may ask again by hand

Ask = Callable[[str], list[str]]


class State(StrEnum):
    GOOD = "good"
    WEAK = "weak"  # it is there, and does little
    BAD = "bad"  # it is missing or broken
    UNANSWERED = "unanswered"
    UNKNOWN = "unknown"  # we do not know what to ask for


class Unanswered(Exception):
    """The domain name system did not answer."""


@dataclass(frozen=True)
class Record:
    """One of the three, as it was found."""

    name: str  # "spf", "dkim" or "dmarc"
    state: State
    sentence: str


def ask_dns(name: str) -> list[str]:
    """The text records of a name, none if it has none. Raises Unanswered."""
    try:
        answers = dns.resolver.Resolver().resolve(name, "TXT", lifetime=QUESTION_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise Unanswered(name) from error
    return [b"".join(answer.strings).decode("utf-8", "replace") for answer in answers]


def sender_address() -> str:
    """Who the next issue is from: the editors' choice, else what this installation was set up with."""
    return NewsletterSettings.load().sender or str(settings.NEWS_FROM)


def domain_of(sender: str) -> str:
    """The domain of `i-HOP <news@example.org>`, as the domain name system knows it."""
    domain = parseaddr(sender)[1].rpartition("@")[2].lower()
    try:
        return domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return domain


def is_due() -> bool:
    """Whether the last look is so old that it is time for another."""
    recent = SenderCheck.objects.filter(domain=domain_of(sender_address()), checked_at__gt=timezone.now() - OFTEN)
    return not recent.exists()


def refresh(*, ask: Ask = ask_dns, by_hand: bool = False) -> SenderCheck:
    """Look the sender's domain up and keep what was found; what is a minute old is kept as it is, even by hand."""
    domain = domain_of(sender_address())
    last = SenderCheck.objects.filter(domain=domain).first()
    if last and last.checked_at > timezone.now() - (AT_MOST if by_hand else OFTEN):
        return last
    found = [asdict(record) for record in look_up(domain, ask=ask, selectors=settings.DKIM_SELECTORS)]
    values = {"checked_at": timezone.now(), "found": found}
    return SenderCheck.objects.update_or_create(domain=domain, defaults=values)[0]


def ours(check: SenderCheck) -> list[Record]:
    """What was kept of a look, read again."""
    return [Record(kept["name"], State(kept["state"]), kept["sentence"]) for kept in check.found]


def look_up(domain: str, *, ask: Ask = ask_dns, selectors: list[str]) -> list[Record]:
    """Ask for all three. Whatever does not answer is said to have not answered; nothing is raised."""
    looks: list[tuple[str, Callable[[], tuple[State, str]]]] = [
        ("spf", lambda: _spf(domain, ask)),
        ("dkim", lambda: _dkim(domain, ask, selectors)),
        ("dmarc", lambda: _dmarc(domain, ask)),
    ]
    return [Record(name, *_answered(name, domain, look)) for name, look in looks]


def _answered(name: str, domain: str, look: Callable[[], tuple[State, str]]) -> tuple[State, str]:
    try:
        return look()
    except Unanswered:
        return State.UNANSWERED, f"The {name.upper()} record of {domain} could not be looked up: try again later."


def _spf(domain: str, ask: Ask) -> tuple[State, str]:
    records = _spf_records(domain, ask)
    if not records:
        return State.BAD, f"{domain} has no SPF record: have one added that names the mail provider."
    if len(records) > 1:
        return State.BAD, f"{domain} has {len(records)} SPF records, so none counts: have them made one."
    terms = records[0].lower().split()[1:]
    if "+all" in terms or "all" in terms:
        return State.BAD, f"The SPF record of {domain} allows everybody to send for it: have +all taken out."
    try:
        lookups = sum(1 for _ in islice(_spf_lookups(terms, ask, [domain]), MAX_LOOKUPS + 1))
    except LookupError as error:
        return State.BAD, f"The SPF record of {domain} is broken: {error.args[0]}. Have it corrected."
    if lookups > MAX_LOOKUPS:
        sentence = f"The SPF record of {domain} needs more than {MAX_LOOKUPS} look-ups, so it fails: have it shortened."
        return State.BAD, sentence
    ends = any(term in {"-all", "~all"} or term.startswith("redirect=") for term in terms)
    if not ends:
        return State.WEAK, f"The SPF record of {domain} does not say what to do with others: have it end in ~all."
    return State.GOOD, f"{domain} has an SPF record, with {lookups} look-ups of at most {MAX_LOOKUPS}."


def _spf_records(domain: str, ask: Ask) -> list[str]:
    return [text for text in ask(domain) if text.lower().split(" ")[0] == "v=spf1"]


def _spf_lookups(terms: list[str], ask: Ask, within: list[str]) -> Iterator[str]:
    """Every term for which a receiver must ask further. Lazy: whoever has seen too many stops."""
    for term in terms:
        match = re.match(r"[+?~-]?(include|redirect|exists|a|mx|ptr)(?=[:=/]|$)[:=]?(.*)", term)
        if not match:
            continue
        yield term
        kind, target = match.groups()
        if kind not in {"include", "redirect"} or "%" in target:
            continue
        if target in within:
            raise LookupError(f"it includes {target} in a circle")
        records = _spf_records(target, ask)
        if len(records) != 1:
            raise LookupError(f"it includes {target}, which has {'more than one' if records else 'no'} SPF record")
        yield from _spf_lookups(records[0].lower().split()[1:], ask, [*within, target])


def _dkim(domain: str, ask: Ask, selectors: list[str]) -> tuple[State, str]:
    if not selectors:
        sentence = "DKIM has not been checked: name the provider’s selectors in the setting DKIM_SELECTORS."
        return State.UNKNOWN, sentence
    missing = []
    for selector in selectors:
        tags = [_tags(text) for text in ask(f"{selector}._domainkey.{domain}")]
        if not any(one.get("p") for one in tags):  # an empty key is a key that was withdrawn
            missing.append(selector)
    if missing:
        names = ", ".join(missing)
        return (
            State.BAD,
            f"{domain} has no DKIM key for {names}: have the provider’s record added, or correct the name.",
        )
    return State.GOOD, f"{domain} has a DKIM key for {', '.join(selectors)}."


def _dmarc(domain: str, ask: Ask) -> tuple[State, str]:
    """The policy of the domain, else of the nearest one above it that has one (as RFC 7489’s successor walks)."""
    labels = domain.split(".")
    for place in range(max(1, len(labels) - 1)):
        at = ".".join(labels[place:])
        records = [text for text in ask(f"_dmarc.{at}") if text.replace(" ", "").lower().startswith("v=dmarc1")]
        if len(records) > 1:
            return State.BAD, f"{at} has {len(records)} DMARC records, so none counts: have them made one."
        if records:
            tags = _tags(records[0])
            policy = (tags.get("sp") if place else None) or tags.get("p", "")
            if policy in {"quarantine", "reject"}:
                return State.GOOD, f"{at} has a DMARC record: what is forged is to be put aside ({policy})."
            if policy == "none":
                return State.WEAK, f"The DMARC record of {at} asks for nothing (p=none): have it ask for quarantine."
            return State.BAD, f"The DMARC record of {at} names no policy: have p=quarantine added."
    return State.BAD, f"{domain} has no DMARC record, which large mailboxes ask of senders: have one added."


def _tags(record: str) -> dict[str, str]:
    """`v=DMARC1; p=none` as a dictionary."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs if name.strip()}
