"""Every icon that our part of the admin names is one that Wagtail draws: a name it does not know draws nothing."""

import re
from pathlib import Path

from wagtail.admin.icons import get_icons

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(
    r"""\b(?:icon|icon_name|menu_icon|header_icon)(?:: str)? ?= ?"([a-z][a-z0-9-]+)"|\bicon name="([a-z0-9-]+)\""""
)


def test_every_icon_is_known():
    drawn = set(re.findall(r'id="icon-([a-z0-9-]+)"', get_icons()))
    files = [file for part in ("cms", "membership", "newsletter", "templates") for file in (ROOT / part).rglob("*")]
    named = {
        first or second: file.name
        for file in files
        if file.suffix in {".py", ".html"}
        for first, second in NAMED.findall(file.read_text())
    }
    assert len(named) > 20
    assert {name: file for name, file in named.items() if name not in drawn} == {}
