"""The charts of reports (`cms/charts.py` draws them). Cells that are hidden have no bar."""

from collections.abc import Sequence
from typing import Any

import pygal
from django.utils.safestring import SafeString

from cms.charts import options, svg
from newsletter.figures import Verdicts

VERDICTS = (("human", "People"), ("unknown", "Cannot be told"), ("machine", "Machines"))
LONGEST_LABEL = 44  # characters beside a bar
MOST_BARS = 15

Series = Sequence[tuple[str, Sequence[float | int | None]]]


def share_chart(name: str, title: str, shares: Sequence[tuple[str, float | None]]) -> SafeString | str:
    """One bar for each label: a share in percent. Nothing where every one is hidden."""
    values = [(label, None if share is None else round(share * 100, 1)) for label, share in shares[:MOST_BARS]]
    return _bars(name, title, values, "Percent", " %")


def number_chart(name: str, title: str, numbers: Sequence[tuple[str, int | None]]) -> SafeString | str:
    """One bar for each label: a number of people."""
    return _bars(name, title, list(numbers[:MOST_BARS]), "People", "")


def _bars(
    name: str, title: str, values: Sequence[tuple[str, float | int | None]], unit: str, suffix: str
) -> SafeString | str:
    if all(value is None for _, value in values):
        return ""

    def words(value: float | int | None) -> str:
        return "" if value is None else f"{value:,.0f}{suffix}"

    chart = pygal.HorizontalBar(
        **options(height=60 + 30 * len(values)), print_values=True, show_legend=False, value_formatter=words
    )
    upwards = values[::-1]  # pygal counts from the bottom up; people read from the top down
    chart.x_labels = [_short(label) for label, _ in upwards]
    chart.add(unit, [value for _, value in upwards])
    said = "; ".join(f"{label}: {words(value) or 'hidden'}" for label, value in values)
    return svg(chart, name, title, f"{said}. The table has every figure.")


def verdict_chart(name: str, title: str, lines: Sequence[tuple[str, Verdicts]]) -> SafeString | str:
    """One bar for each label, made of people, of what cannot be told, and of machines."""
    chart = pygal.HorizontalStackedBar(**options(height=120 + 44 * len(lines)), legend_at_bottom=True)
    upwards = lines[::-1]
    chart.x_labels = [label for label, _ in upwards]
    series = [(word, [getattr(verdicts, key) for _, verdicts in upwards]) for key, word in VERDICTS]
    said = "; ".join(
        f"{label}: " + ", ".join(f"{word.lower()} {_said(getattr(verdicts, key))}" for key, word in VERDICTS)
        for label, verdicts in lines
    )
    return _drawn(chart, series, name, title, said)


def time_chart(name: str, title: str, labels: Sequence[str], series: Series, suffix: str = "") -> SafeString | str:
    """Columns side by side at each label, one for each series. Nothing where there is but one moment."""
    if len(labels) < 2:
        return ""
    chart = pygal.Bar(
        **options(height=320),
        x_label_rotation=35,
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
        value_formatter=lambda value: "" if value is None else f"{value:,.0f}{suffix}",
    )
    chart.x_labels = list(labels)
    last = "; ".join(f"{label}: {_said(values[-1] if values else None)}{suffix}" for label, values in series)
    return _drawn(chart, series, name, title, f"{len(labels)} of them; of the last, {last}")


def _drawn(chart: Any, series: Series, name: str, title: str, said: str) -> SafeString | str:
    if all(value is None for _, values in series for value in values):
        return ""
    for label, values in series:
        chart.add(label, list(values))
    return svg(chart, name, title, f"{said}. The table has every figure.")


def _said(value: float | int | None) -> str:
    return "hidden" if value is None else f"{value:,.0f}"


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1].rstrip()}…"
