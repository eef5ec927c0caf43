"""Charts as SVG, drawn on the server: no scripts, a title and a description for screen readers, colours from CSS."""

from typing import Any
from xml.etree import ElementTree

import pygal
from django.utils.safestring import SafeString, mark_safe
from pygal.style import Style

SVG = "http://www.w3.org/2000/svg"
# `static/css/desk.css` sets these for light and dark; pygal would fix one colour for both.
SERIES = ("var(--chart-first)", "var(--chart-second)", "var(--chart-third)")
FONT = "system-ui, sans-serif"


def count_chart(name: str, title: str, counts: list[tuple[str, int]], *, unit: str) -> SafeString:
    """One bar for each label, with its number, from the top down. `unit` is what is counted."""
    chart = pygal.HorizontalBar(
        **options(height=60 + 30 * len(counts)), print_values=True, print_zeroes=False, show_legend=False
    )
    # pygal counts from the bottom up; people read from the top down.
    upwards = counts[::-1]
    chart.x_labels = [label for label, _ in upwards]
    chart.add(unit, [count for _, count in upwards])
    return svg(chart, name, title, "; ".join(f"{label}: {count}" for label, count in counts) + ".")


def options(height: int) -> dict[str, Any]:
    style = Style(
        background="transparent",
        plot_background="transparent",
        font_family=FONT,
        label_font_size=13,
        major_label_font_size=13,
        value_font_size=13,
        legend_font_size=14,
        no_data_font_size=18,
    )
    return {
        "style": style,
        "width": 760,
        "height": height,
        "js": [],
        "disable_xml_declaration": True,
        "css": ["file://graph.css", f"inline:{_colours()}"],
        "classes": ("pygal-chart", "chart"),
        "min_scale": 1,
        "max_scale": 6,
        "integer_labels": True,
    }


def _colours() -> str:
    """Colours that follow the theme; the admin's own variables serve for text and lines."""
    rules = [
        f".chart .color-{place}, .chart .color-{place} .rect {{fill: {colour} !important; stroke: none !important}}"
        for place, colour in enumerate(SERIES)
    ]
    rules += [
        f".chart .legend#activate-serie-{place} rect {{fill: {colour} !important; stroke: none !important}}"
        for place, colour in enumerate(SERIES)
    ]
    rules += [
        ".chart text {fill: var(--chart-text) !important}",
        ".chart .text-overlay text.value {fill: var(--chart-on-bar) !important}",
        ".chart .guide.line, .chart .axis .line {stroke: var(--chart-line) !important}",
        ".chart .background {fill: none !important}",
    ]
    return " ".join(rules)


def svg(chart: Any, name: str, title: str, description: str) -> SafeString:
    """Return the chart without the script and the tooltips that pygal adds, named for those who cannot see it."""
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(chart.render(is_unicode=True))  # noqa: S314
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{SVG}}}script" or (child.tag in {f"{{{SVG}}}title", f"{{{SVG}}}desc"}):
                parent.remove(child)
    ids = {"title": f"{name}-title", "desc": f"{name}-description"}
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{{{SVG}}}{tag}", {"id": ids[tag]})
        element.text = text
        root.insert(place, element)
    root.attrib |= {"role": "img", "aria-labelledby": f"{ids['title']} {ids['desc']}"}
    return mark_safe(ElementTree.tostring(root, encoding="unicode"))  # noqa: S308
