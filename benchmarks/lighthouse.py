"""`make lighthouse`: Google's Lighthouse over the public pages, as a table and as one JSON object on the last line.

The site is the demo's content under gunicorn with production settings (benchmarks/production_site.py). Lighthouse is
the npm package pinned in tests/services/lighthouse/, run with Debian's Chromium as a slow phone, which is its default.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.production_site import BEHIND_PROXY, ROOT, production_site

PACKAGE = ROOT / "tests/services/lighthouse"
INSTALLED = Path(os.environ.get("LIGHTHOUSE_DIR") or ROOT / "var/lighthouse")
PAGES = {
    "home": "/",
    "search results": "/directory/?q=visits&region=north-east",
    "an entry": "/directory/visitors-centres-north-east/",
}
MUST_BE = {"accessibility": 100, "best-practices": 100, "seo": 100, "performance": 95}


@dataclass(frozen=True)
class Audit:
    """What Lighthouse says of one page: points of 100 by category, and what cost some."""

    page: str
    points: dict[str, int]
    lost: dict[str, list[str]]

    def below(self, category: str) -> str:
        """A sentence about what is missing in a category, or nothing."""
        points = self.points[category]
        return f"{self.page}: {category} {points}: {', '.join(self.lost[category])}" if points < 100 else ""


def installed_version() -> str:
    """The version of Lighthouse that is there, or nothing."""
    package = INSTALLED / "node_modules/lighthouse/package.json"
    return str(json.loads(package.read_text())["version"]) if package.exists() else ""


def audit(page: str, address: str) -> Audit:
    """Let Lighthouse look at one address. Raises CalledProcessError when it could not."""
    done = subprocess.run(
        [
            str(INSTALLED / "node_modules/.bin/lighthouse"),
            address,
            "--quiet",
            "--output=json",
            "--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-background-networking",
            f"--extra-headers={json.dumps(BEHIND_PROXY)}",
        ],
        env=os.environ | {"CHROME_PATH": "/usr/bin/chromium"},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    found = json.loads(done.stdout)
    points, lost = {}, {}
    for name in MUST_BE:
        category = found["categories"][name]
        points[name] = round(100 * (category["score"] or 0))
        weighty = [one["id"] for one in category["auditRefs"] if one["weight"]]
        lost[name] = [one for one in weighty if (found["audits"][one]["score"] or 0) < 1]
    return Audit(page, points, lost)


def main() -> int:
    console = Console(stderr=True)
    if not installed_version():
        console.print("Lighthouse is missing: run “make lighthouse”, which installs it.")
        return 1
    with production_site() as address:
        audits = [audit(page, address + path) for page, path in PAGES.items()]
    table = Table("page", *MUST_BE)
    for one in audits:
        table.add_row(one.page, *(str(one.points[name]) for name in MUST_BE))
        for name in MUST_BE:
            if sentence := one.below(name):
                console.print(sentence)
    console.print(table)
    print(json.dumps({"lighthouse": installed_version(), **{one.page: one.points for one in audits}}))
    return int(any(one.points[name] < least for one in audits for name, least in MUST_BE.items()))


if __name__ == "__main__":
    sys.exit(main())
