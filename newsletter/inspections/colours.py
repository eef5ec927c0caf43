"""Whether every colour of the mail stands out from what is behind it, in its light and its dark colours (WCAG 1.4.3).

It can only fail when somebody changes the template, so it is worked out once in a process.
"""

import re
from collections.abc import Iterator
from functools import cache

from django.template.loader import get_template

from newsletter.inspections.findings import Finding, Level

ENOUGH = 4.5
# What is written on which surface, by the class names of `templates/newsletter/email/`.
PAIRS = {
    "band": ("mast", "name", "enews", "month"),
    "card": ("lead", "lead a", "a", "h2", "item", "t", "k", "f", "m", "hl", "d"),
    "panel": ("panel", "k", "f", "m", "hl", "d"),
    "help": ("call", "h2", "f", "tel"),
    "page": ("small", "a"),
    "note": ("note",),
    "mark": ("mark",),
    "lm": ("lm",),
    "ld": ("ld",),
    "btn": ("btn",),
}


def look() -> Iterator[Finding]:
    for scheme, what, ratio in weak_pairs():
        sentence = (
            f"The mail’s template is hard to read in {scheme} colours: .{what} has a contrast of {ratio:.1f} to 1, "
            f"{ENOUGH} is needed. Ask whoever runs the service."
        )
        yield Finding("contrast", Level.ERROR, sentence, f"{scheme}:{what}")


@cache
def weak_pairs() -> tuple[tuple[str, str, float], ...]:
    light = _colours(_source("issue.css"))
    for background, name in re.findall(r'background-color="(#\w{6})"[^>]*?css-class="(\w+)"', _source("issue.mjml")):
        light.setdefault(name, {})["background"] = background
    if button := re.search(
        r'<mj-button[^>]*background-color="(#\w{6})"[^>]*?\scolor="(#\w{6})"', _source("issue.mjml")
    ):
        light["btn"] = {"background": button[1], "color": button[2]}
    dark = {name: dict(found) for name, found in light.items()}
    for name, found in _colours(_source("_dark.css").replace("{{ within }}", "")).items():
        dark.setdefault(name, {}).update(found)
    return tuple(
        (scheme, f"{text} on .{surface}", ratio)
        for scheme, colours in (("light", light), ("dark", dark))
        for surface, texts in PAIRS.items()
        for text in texts
        if (ratio := _contrast(colours, text, surface)) < ENOUGH
    )


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, `#rrggbb`, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _contrast(colours: dict[str, dict[str, str]], text: str, surface: str) -> float:
    front, back = colours.get(text, {}).get("color"), colours.get(surface, {}).get("background")
    return contrast(front, back) if front and back else ENOUGH  # what is not there cannot be hard to read


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colours(css: str) -> dict[str, dict[str, str]]:
    """Text and background colour of each class, `{"lead a": {"color": "#0b5c4d"}}`."""
    found: dict[str, dict[str, str]] = {}
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/|\{%.*?%\}", "", css, flags=re.S)):
        values = dict(re.findall(r"(?<![\w-])(color|background)\s*:\s*(#[0-9a-fA-F]{6})", body))
        for selector in selectors.split(","):
            name = re.sub(r" (td|> table)$", "", selector.strip()).lstrip(".")
            found.setdefault(name, {}).update(values)
    return found


def _source(name: str) -> str:
    return str(get_template(f"newsletter/email/{name}").template.source)  # type: ignore[attr-defined]
