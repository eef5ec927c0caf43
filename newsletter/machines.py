"""What a mail provider says of an open or click it reports: that a machine made it, or through which program it came.

Most providers say nothing; then the agent's name is all there is, and often not even that.
"""

from collections.abc import Callable, Mapping
from typing import Any

from newsletter.signs import Signal, agent_signals

Report = Mapping[str, Any]
BREVO_PROXIES = {"proxy_open", "unique_proxy_open"}


def signals_said(provider: str, event_type: str, report: Any, agent: str | None) -> int:
    """The signals of a reported open or click. `provider` is Anymail's name, `report` what the provider sent
    (`esp_event`), `agent` the name of the program, which is not kept."""
    signals = agent_signals(agent) if isinstance(agent, str) and agent.strip() else 0
    if not signals and event_type == "opened" and not agent:
        signals = Signal.VEILED.value  # whose program nobody tells
    ask = SAYING.get(provider)
    if ask and isinstance(report, Mapping):
        signals |= ask(report)
    return signals


def _brevo(report: Report) -> int:
    return Signal.PROVIDER if report.get("event") in BREVO_PROXIES else 0


def _mailgun(report: Report) -> int:
    """“bot” is apple, gmail or generic, and empty for people (Mailgun's manual, “Open and Click Bot Detection”)."""
    client = _part(_part(report, "event-data"), "client-info")
    return Signal.PROVIDER if client.get("bot") or client.get("client-type") == "robot" else 0


def _mandrill(report: Report) -> int:
    return Signal.PROVIDER if str(_part(report, "user_agent_parsed").get("type")).lower() == "robot" else 0


def _sendgrid(report: Report) -> int:
    return Signal.PROVIDER if report.get("sg_machine_open") in (True, "true", "True", 1) else 0


def _sparkpost(report: Report) -> int:
    for event in _part(report, "msys").values():
        parsed = _part(event, "user_agent_parsed")
        if parsed.get("is_prefetched") is True:
            return Signal.PROVIDER.value
        if parsed.get("is_proxy") is True:
            return Signal.VEILED.value
    return 0


def _part(report: Any, name: str) -> Report:
    """A part of a report, empty where it is not as it should be."""
    part = report.get(name) if isinstance(report, Mapping) else None
    return part if isinstance(part, Mapping) else {}


SAYING: dict[str, Callable[[Report], int]] = {
    "Brevo": _brevo,
    "Mailgun": _mailgun,
    "Mandrill": _mandrill,
    "SendGrid": _sendgrid,
    "SparkPost": _sparkpost,
}
