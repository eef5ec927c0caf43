"""Writes docs/performance.md and its picture out of what `make bench` measured."""

from pathlib import Path
from typing import Any

import pygal
from pygal.style import Style

DOCS = Path(__file__).resolve().parents[1] / "docs"
COLOURS = Style(background="white", plot_background="white", colors=("#1f5f5b", "#b5542c"), font_family="sans-serif")

PAGE = """# How fast sending is

Written by `make bench` (`python -m benchmarks.bench --million --write`); do not edit
by hand what stands above “What comes in”. {cores} cores,
Python {python}, PostgreSQL {postgresql} with fsync on and 512 MB of shared buffers, mail to {sink} on the same
machine, messages of {message_kb} KB.

![Messages a second: {picture}](images/performance.svg)

## Ratios

A and B were measured in turn, {pairs} pairs; the ratio is the median of the pairs. Ratios hold on other machines, too;
rates do not. smtp-sink itself takes only so many messages a second; two workers are therefore given one each.

| A ÷ B | A | B | ratio | wanted |
|---|--:|--:|--:|--:|
{ratios}

## As the list grows

One worker process. “Statements” are SQL statements for each 1,000 recipients, from the first claim to the sealed
certificate; memory is the worker's resident memory after 20,000 recipients, after the last, and once the certificate is
sealed, which takes the same for any number.

| members | freeze | rows/s | send | messages/s | per recipient | CPU of it | statements | memory |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{growth}

## What the figures rest on

- A message is prepared once per edition and variant (`newsletter/skeletons.py`); per person its pieces are joined.
- The SMTP transport keeps a few connections and pipelines each envelope (RFC 2920, `newsletter/transports/smtp.py`).
- The ledger claims 1,000 rows in one statement, marks and records 50 in one statement each, prepared on PostgreSQL
  (`newsletter/ledger/`, `newsletter/sql.py`); only the mark waits for the disk (ADR 5).
- Claims start behind the last one, so that they cost the same with ten million rows in the table.
"""

OTHERS = "## What comes in"  # begins what other benchmarks measured: it is kept


def write(result: dict[str, Any]) -> None:
    """Renew the page and the picture."""
    by_name = {one["name"]: one for one in result["comparisons"]}
    ours = next(one for name, one in by_name.items() if name.startswith("Our whole send"))
    two = next(one for name, one in by_name.items() if name.startswith("Two workers"))
    bars = {
        "smtplib, prepared messages": ours["b"],
        "i-HOP, one worker": ours["a"],
        "i-HOP, two workers": two["a"],
    }
    _draw(bars, DOCS / "images" / "performance.svg")
    page = PAGE.format(
        **{key: result[key] for key in ("cores", "python", "postgresql", "sink", "message_kb")},
        picture="; ".join(f"{name} {rate:,.0f}" for name, rate in bars.items()),
        pairs=ours["pairs"],
        ratios="\n".join(_ratio(one) for one in result["comparisons"]),
        growth="\n".join(_growth(one) for one in result["growth"]),
    )
    file = DOCS / "performance.md"
    _, begin, others = file.read_text().partition(OTHERS) if file.exists() else ("", "", "")
    file.write_text(page + (f"\n{begin}{others}" if begin else ""))


def _ratio(one: dict[str, Any]) -> str:
    return (
        f"| {one['name']} | {one['a']:,.0f} {one['unit']} | {one['b']:,.0f} | {one['ratio']:.2f} | {one['wanted']:g} |"
    )


def _growth(one: dict[str, Any]) -> str:
    cells = (
        f"{one['members']:,}",
        f"{one['freeze_seconds']:,.1f} s",
        f"{one['freeze_rows_per_second']:,}",
        f"{one['send_seconds']:,.0f} s",
        f"{one['messages_per_second']:,}",
        f"{one['microseconds_per_recipient']} µs",
        f"{one['cpu_microseconds_per_recipient']} µs",
        f"{one['statements_per_1000']}",
        f"{one['memory_at_20000_mb']:.0f} → {one['memory_at_last_mb']:.0f} → {one['memory_at_end_mb']:.0f} MB",
    )
    return f"| {' | '.join(cells)} |"


def _draw(bars: dict[str, float], path: Path) -> None:
    chart = pygal.HorizontalBar(
        style=COLOURS, show_legend=False, print_values=True, width=720, height=260, js=(), title="Messages a second"
    )
    chart.value_formatter = lambda value: f"{value:,.0f}"
    chart.x_labels = list(reversed(bars))
    chart.add("", [round(rate) for rate in reversed(bars.values())])
    chart.render_to_file(str(path))
