"""Tables that several commands print."""

from rich.table import Table

from newsletter.certificate import Certificate
from newsletter.models import Delivery
from newsletter.reporting import Report


def certificate_table(certificate: Certificate) -> Table:
    table = Table(title=f"Certificate of {certificate.issue}", title_justify="left")
    table.add_column("State")
    table.add_column("Deliveries", justify="right")
    table.add_column("Meaning")
    for state in Delivery.State:
        table.add_row(state.value, str(certificate.states[state.value]), state.label)
    for reason, count in certificate.skipped_because.items():
        table.add_row("", f"({count})", f"skipped: {reason}")
    table.add_section()
    verdict = "adds up" if certificate.balanced else "DOES NOT ADD UP"
    table.add_row("frozen", str(certificate.frozen), verdict)
    return table


def edition_table(report: Report) -> Table:
    table = Table(title=f"Editions of {report.issue}", title_justify="left")
    for name in ("Edition", "First made for"):
        table.add_column(name)
    for name in ("Items", "Members", "Sent", "Opens", "Clicks"):
        table.add_column(name, justify="right")
    for row in report.editions:
        numbers = (row.items, row.frozen, row.sent, row.opens, row.clicks)
        table.add_row(str(row.number), row.label, *(_shown(number) for number in numbers))
    return table


def item_table(report: Report) -> Table:
    table = Table(title=f"Items of {report.issue}", title_justify="left")
    table.add_column("Item")
    for name in ("Editions", "Members", "Clicks"):
        table.add_column(name, justify="right")
    for row in report.items:
        table.add_row(row.title, str(row.editions), _shown(row.sent), _shown(row.clicks))
    return table


def _shown(number: int | None) -> str:
    return "–" if number is None else str(number)
