"""The charts about members (`cms/charts.py` draws them)."""

import pygal
from django.utils.safestring import SafeString

from cms import charts
from cms.charts import options, svg
from membership.growth import Cell, Month


def growth_chart(months: list[Month]) -> SafeString:
    """Two columns a month: joined and left."""
    chart = pygal.Bar(
        **options(height=320),
        x_label_rotation=35,
        x_labels_major_every=3,
        show_minor_x_labels=False,
        legend_at_bottom=True,
    )
    chart.x_labels = [f"{month.first_day:%b %Y}" for month in months]
    chart.add("Joined", [month.joined for month in months])
    chart.add("Left", [month.left for month in months])
    busiest = max(months, key=lambda month: month.joined)
    joined, left = sum(month.joined for month in months), sum(month.left for month in months)
    description = (
        f"{joined} joined and {left} left in {len(months)} months; most joined in {busiest.first_day:%B %Y} "
        f"({busiest.joined}). The table below has every figure."
    )
    return svg(chart, "growth", "Members who joined and left, by month", description)


def cell_chart(name: str, title: str, cells: list[Cell]) -> SafeString:
    """One bar a sector or region; cells that are hidden have no bar."""
    chart = pygal.HorizontalBar(**options(height=60 + 30 * len(cells)), print_values=True, show_legend=False)
    # pygal counts from the bottom up; people read from the top down.
    upwards = list(reversed(cells))
    chart.x_labels = [cell.name for cell in upwards]
    chart.add("Members", [cell.members for cell in upwards])
    hidden = sum(1 for cell in cells if cell.members is None)
    description = (
        f"One bar for each of {len(cells)}; {hidden} are hidden, being small. The table below has every figure."
    )
    return svg(chart, name, title, description)


def count_chart(name: str, title: str, counts: list[tuple[str, int]]) -> SafeString:
    """One bar for each, with its number."""
    return charts.count_chart(name, title, counts, unit="Addresses")
