"""Tables that several commands print."""

from django.utils import timezone
from rich.bar import Bar
from rich.table import Table

from newsletter.certificate import LISTED, Certificate, Unknown
from newsletter.models import Delivery
from newsletter.reporting import IssueReport

BAR = 24  # characters of the longest bar
NAMED = 20  # unknown deliveries named on the terminal; --json names more


def certificate_table(certificate: Certificate) -> Table:
    table = Table(title=f"Certificate of {certificate.issue}", title_justify="left")
    table.add_column("State")
    table.add_column("Deliveries", justify="right")
    table.add_column("", width=BAR)
    table.add_column("Meaning")
    states = certificate.states
    longest = max(1, *states.values())
    for state in Delivery.State:
        count = states[state]
        table.add_row(state.value, str(count), Bar(longest, 0, count, width=BAR), state.label)
    for reason, count in certificate.skipped_because.items():
        table.add_row("", f"({count})", "", f"skipped: {reason}")
    table.add_section()
    verdict = "adds up" if certificate.balanced else "DOES NOT ADD UP"
    table.add_row("frozen", str(certificate.frozen), "", verdict)
    return table


def edition_counts_table(certificate: Certificate) -> Table:
    """Deliveries by edition and state; states that nobody is in are left out."""
    states = certificate.states
    shown = [state for state in Delivery.State if states[state]]
    table = Table(title=f"Editions of {certificate.issue}", title_justify="left")
    table.add_column("Edition")
    table.add_column("First made for")
    for name in (*(state.value for state in shown), "together"):
        table.add_column(name, justify="right")
    for one in certificate.editions:
        number = "none" if one.number is None else str(one.number)
        table.add_row(number, one.label, *(str(one.states[state]) for state in shown), str(one.total))
    return table


def unknown_table(unknown: list[Unknown], count: int) -> Table:
    """What needs a decision, the first of it, by numbers only."""
    table = Table(title="Unknown: to be decided (docs/runbook.md)", title_justify="left")
    for name in ("Delivery", "Edition", "Handed over", "Provider", "Why"):
        table.add_column(name)
    for one in unknown[:NAMED]:
        handed = f"{timezone.localtime(one.handed_at):%d.%m.%Y %H:%M}" if one.handed_at else "–"
        table.add_row(str(one.delivery), str(one.edition or "–"), handed, one.provider or "–", one.reason)
    if count > NAMED:
        table.add_row("…", "", "", "", f"and {count - NAMED} more: --json names up to {LISTED}")
    return table


def edition_table(report: IssueReport) -> Table:
    table = Table(title=f"Editions of {report.issue}", title_justify="left")
    for name in ("Edition", "First made for"):
        table.add_column(name)
    for name in ("Items", "Sent", "Opened by", "of whom machines", "Clicked by", "of whom machines"):
        table.add_column(name, justify="right")
    for row in report.editions:
        found = row.figures
        opened, clicked = found.openers, found.clickers
        numbers = (row.items, found.sent, opened.raw, opened.machine, clicked.raw, clicked.machine)
        table.add_row(str(row.number), row.label, *(_shown(number) for number in numbers))
    return table


def item_table(report: IssueReport) -> Table:
    table = Table(title=f"Items of {report.issue}", title_justify="left")
    table.add_column("Item")
    for name in ("Editions", "Sent to", "Clicked by", "of whom machines"):
        table.add_column(name, justify="right")
    for row in report.items:
        numbers = (row.editions, row.figures.sent, row.figures.clickers.raw, row.figures.clickers.machine)
        table.add_row(row.label, *(_shown(number) for number in numbers))
    return table


def _shown(number: int | None) -> str:
    return "–" if number is None else str(number)
