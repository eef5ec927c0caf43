"""Which bounces are for good: read from the provider's own verdict, since Anymail calls soft ones “bounced” too."""

from collections.abc import Callable, Mapping
from typing import Any

Verdict = Callable[[Mapping[str, Any]], bool]

POSTMARK_HARD = {"HardBounce", "BadEmailAddress", "ManuallyDeactivated"}
SPARKPOST_HARD = {"10", "30", "90"}  # invalid recipient, generic without a reason to hope, unsubscribed there

VERDICTS: dict[str, Verdict] = {
    "Amazon SES": lambda report: _at(report, "bounce", "bounceType") == "Permanent",
    "Brevo": lambda report: report.get("event") in {"hard_bounce", "invalid_email"},
    "Mailgun": lambda report: _at(report, "event-data", "severity") == "permanent",
    "Mailjet": lambda report: bool(report.get("hard_bounce")),
    "Mandrill": lambda report: report.get("event") == "hard_bounce",
    "Postmark": lambda report: report.get("Type") in POSTMARK_HARD,
    "Resend": lambda report: _at(report, "data", "bounce", "type") == "Permanent",
    "SendGrid": lambda report: report.get("event") == "bounce" and report.get("type") != "blocked",
    "SparkPost": lambda report: str(report.get("bounce_class")) in SPARKPOST_HARD,
}


def for_good(provider: str, report: Any) -> bool:
    """Whether the provider says that this mailbox will never take mail. False where it does not say."""
    verdict = VERDICTS.get(provider)
    return bool(verdict and isinstance(report, Mapping) and verdict(report))


def _at(report: Mapping[str, Any], *path: str) -> Any:
    """Follow a path of keys; None where it ends early."""
    value: Any = report
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
