"""What a bounce says about a mailbox: hard or soft, read from the provider's own words, and when soft is enough.

Anymail calls soft bounces “bounced” too, and some of them “deferred”. A block (spam, policy, size, a full mailbox) says
that this mail was not taken, never that the mailbox is gone: it is soft, whatever the provider calls it (ADR 21).
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from newsletter.models import Delivery, ProviderEvent

Verdict = ProviderEvent.Verdict
Report = Mapping[str, Any]
HARD, SOFT, NONE = Verdict.HARD.value, Verdict.SOFT.value, ""

# When soft bounces mean that nobody is there: so many issues in a row, none of which arrived, over so long a time.
SOFT_ISSUES = 3
SOFT_FOR = timedelta(days=60)
LOOKED_BACK = 24  # issues of one member
REACHED = {"delivered", "opened", "clicked"}  # proof that a mailbox took the mail, whatever else was reported
# Anymail's reasons that say something about our mail, not about the mailbox: they never add up to a suppression.
BLOCKS = {"blocked", "spam"}

# Enhanced status codes (RFC 3463) of what is soft though called permanent: full or too large (X.2.2, X.2.3), the other
# system (X.3), the way there (X.4), content (X.6) and policy (X.7).
SOFT_STATUS = re.compile(r"\b(?:4\.\d{1,3}\.\d{1,3}|5\.2\.[23]|5\.[3467]\.\d{1,3})\b")
HARD_STATUS = re.compile(r"\b5\.(?:1\.(?:0|1|2|3|6|10)|2\.1)\b")  # no such mailbox or domain, or closed

ENHANCED_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")
BLOCK_STATUS = re.compile(r"[45]\.[67]\.")  # content and policy
# What servers say that give no code, or none that tells.
GONE = re.compile(
    r"(?:user|recipient|mailbox|address|account)\W+(?:is |was |has been )?"
    r"(?:unknown|not found|disabled|does(?: not|n't) exist)"
    r"|(?:unknown|no such|invalid) (?:local )?(?:user|recipient|mailbox|address|account)",
    re.IGNORECASE,
)
BLOCKED = re.compile(r"spam|black-?list|block-?list|deny-?list|blocked|reputation|policy", re.IGNORECASE)

MAILGUN_SOFT = {"old", "espblock", "greylisted", "generic", "suppress-complaint", "suppress-unsubscribe"}
MAILJET_NOT_THE_MAILBOX = {"sender blocked", "content blocked", "policy issue", "preblocked", "duplicate in campaign"}
POSTMARK = {"HardBounce": HARD, "BadEmailAddress": HARD, "ManuallyDeactivated": HARD, "Blocked": SOFT}
POSTMARK |= {"DMARCPolicy": SOFT, "SoftBounce": SOFT, "VirusNotification": SOFT}
SENDGRID_DROPPED = {"bounced address": HARD, "invalid": HARD}
SPARKPOST_HARD = {"10", "30"}  # invalid recipient, generic without a reason to hope
SPARKPOST_BOUNCES = {"bounce", "out_of_band", "policy_rejection"}
UNISENDER_HARD = {"err_user_unknown", "err_user_inactive", "err_mailbox_discarded", "err_domain_inactive"}


def verdict(provider: str, event_type: str, report: Any) -> str:
    """Return what a report says about the mailbox: a value of `ProviderEvent.Verdict`, or nothing.

    `provider` and `event_type` are Anymail's names, `report` is what the provider sent (`esp_event`). A bounce of which
    the provider does not say that it is for good is soft.
    """
    read = VERDICTS.get(provider)
    found = read(report) if read and isinstance(report, Mapping) else NONE
    return SOFT if event_type == "bounced" and not found else found


def returned(status: str, words: str) -> tuple[str, str]:
    """Return verdict and reason (Anymail's names) of a mail that a server sent back for good.

    `status` is its enhanced status code (RFC 3463), `words` what it said. Hard only where the code says that there is
    no such mailbox, or the words do without a code that tells: servers refuse for many reasons.
    """
    said = f"{status} {words}"
    telling = [code for code in ENHANCED_STATUS.findall(said) if not code.endswith(".0.0")]
    gone = bool(HARD_STATUS.search(said)) or (not telling and GONE.search(words) is not None)
    found = _judged(gone, said)
    if found == HARD:
        return HARD, "bounced"
    blocked = BLOCK_STATUS.match(telling[0]) if telling else BLOCKED.search(words)
    return SOFT, "blocked" if blocked else "bounced"


def is_given_up(member: int) -> bool:
    """Whether soft bounces have gone on for so long that a member's mailbox counts as dead.

    Looks at the member's latest issues: one of which nothing was reported, or only a block, says nothing; any other
    that did not bounce ends the row. Two queries, however much was reported.
    """
    deliveries = Delivery.objects.filter(member=member).order_by("-issue").values_list("pk", flat=True)
    latest = list(deliveries[:LOOKED_BACK])
    reports = ProviderEvent.objects.filter(delivery__in=latest).values_list(
        "delivery", "event_type", "verdict", "reject_reason", "happened_at"
    )
    # Every bounce of an issue counts, so that it makes no difference in which order they come.
    bounced: dict[int, list[datetime]] = {}
    reached, blocked, told = set(), set(), set()
    for delivery, event_type, said, reason, happened_at in reports:
        told.add(delivery)
        if event_type in REACHED:
            reached.add(delivery)
        elif said == SOFT and reason in BLOCKS:
            blocked.add(delivery)
        elif said == SOFT:
            bounced.setdefault(delivery, []).append(happened_at)
    issues, moments = 0, list[datetime]()
    for delivery in latest:
        if delivery in bounced and delivery not in reached:
            issues += 1
            moments += bounced[delivery]
        elif delivery in reached or delivery in told - blocked:
            break
    return issues >= SOFT_ISSUES and max(moments) - min(moments) >= SOFT_FOR


def _judged(hard: bool, *words: Any) -> str:
    """Hard where the provider says so and the mail server's own status code does not contradict it."""
    said = " ".join(str(word) for word in words if word)
    if SOFT_STATUS.search(said) and not HARD_STATUS.search(said):
        return SOFT
    return HARD if hard else SOFT


def _amazon_ses(report: Report) -> str:
    bounce = report.get("bounce")
    if not isinstance(bounce, Mapping):
        return NONE
    people = [one for one in bounce.get("bouncedRecipients") or [] if isinstance(one, Mapping)]
    return _judged(bounce.get("bounceType") == "Permanent", *(one.get("status") for one in people))


def _brevo(report: Report) -> str:
    kind = report.get("event")
    if kind in {"hard_bounce", "invalid_email"}:
        return _judged(True, report.get("reason"))
    return SOFT if kind == "soft_bounce" else NONE


def _mailersend(report: Report) -> str:
    kind = _at(report, "data", "type")
    if kind == "hard_bounced":
        return _judged(True, _at(report, "data", "morph", "reason"))
    return SOFT if kind == "soft_bounced" else NONE


def _mailgun(report: Report) -> str:
    event = report.get("event-data")
    if not isinstance(event, Mapping):  # the form that Mailgun posted until 2018, and still offers
        return _judged(True, report.get("code"), report.get("error")) if report.get("event") == "bounced" else NONE
    if event.get("event") != "failed" or event.get("severity") != "permanent":
        return NONE  # “temporary” is tried again: the end is reported by itself
    status = event.get("delivery-status")
    status = status if isinstance(status, Mapping) else {}
    hard = event.get("reason") not in MAILGUN_SOFT and status.get("bounce-type") != "soft"
    return _judged(hard, status.get("enhanced-code"), status.get("message"))


def _mailjet(report: Report) -> str:
    if report.get("event") != "bounce":
        return NONE
    if report.get("error") == "greylisted" and not report.get("hard_bounce"):
        return NONE  # it will be tried again
    about_us = report.get("error") in MAILJET_NOT_THE_MAILBOX
    return _judged(bool(report.get("hard_bounce")) and not about_us, report.get("comment"))


def _mailtrap(report: Report) -> str:
    kind = report.get("event")
    if kind == "bounce":
        return _judged(report.get("bounce_category") not in {"spam", "policy"}, report.get("response"))
    return SOFT if kind == "soft bounce" else NONE


def _mandrill(report: Report) -> str:
    kind = report.get("event")
    if kind == "hard_bounce":
        return _judged(True, _at(report, "msg", "diag"))
    return SOFT if kind == "soft_bounce" else NONE


def _postal(report: Report) -> str:
    payload = report.get("payload")
    if not isinstance(payload, Mapping):
        return NONE
    if payload.get("status") == "HardFail":  # refused for good, for whatever reason: only the status code tells
        return HARD if HARD_STATUS.search(str(payload.get("output"))) else SOFT
    return SOFT if "bounce" in payload else NONE


def _postmark(report: Report) -> str:
    kind = POSTMARK.get(str(report.get("Type")), NONE)
    if report.get("RecordType") == "SubscriptionChange":
        kind = HARD if report.get("SuppressSending") and report.get("SuppressionReason") == "HardBounce" else NONE
    return _judged(True, report.get("Details")) if kind == HARD else kind


def _resend(report: Report) -> str:
    if report.get("type") != "email.bounced":
        return NONE
    return _judged(_at(report, "data", "bounce", "type") == "Permanent", _at(report, "data", "bounce", "message"))


def _sendgrid(report: Report) -> str:
    kind = report.get("event")
    if kind == "bounce":
        return _judged(report.get("type") != "blocked", report.get("status"), report.get("reason"))
    return SENDGRID_DROPPED.get(str(report.get("reason")).lower(), NONE) if kind == "dropped" else NONE


def _sparkpost(report: Report) -> str:
    wrapped = report.get("msys")
    for event in wrapped.values() if isinstance(wrapped, Mapping) else ():
        if isinstance(event, Mapping) and event.get("type") in SPARKPOST_BOUNCES:
            hard = str(event.get("bounce_class")) in SPARKPOST_HARD and event.get("type") != "policy_rejection"
            return _judged(hard, event.get("raw_reason"))
    return NONE


def _unisender_go(report: Report) -> str:
    kind = report.get("status")
    if kind == "hard_bounced":
        said = _at(report, "delivery_info", "delivery_status")
        return _judged(said in UNISENDER_HARD, _at(report, "delivery_info", "destination_response"))
    return SOFT if kind == "soft_bounced" else NONE


VERDICTS: dict[str, Callable[[Report], str]] = {
    "Amazon SES": _amazon_ses,
    "Brevo": _brevo,
    "MailerSend": _mailersend,
    "Mailgun": _mailgun,
    "Mailjet": _mailjet,
    "Mailtrap": _mailtrap,
    "Mandrill": _mandrill,
    "Postal": _postal,
    "Postmark": _postmark,
    "Resend": _resend,
    "SendGrid": _sendgrid,
    "SparkPost": _sparkpost,
    "Unisender Go": _unisender_go,
}


def _at(report: Report, *path: str) -> Any:
    """Follow a path of keys; None where it ends early."""
    value: Any = report
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
