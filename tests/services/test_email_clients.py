"""Nothing in a mail that a common mail program cannot show, but what docs/email-clients.md accepts with its reason.

The abilities of mail programs are those of caniemail.com, in an npm package that is installed beforehand:
`tests/services/email-clients/` pins it, `var/email-clients/` (or EMAIL_CLIENTS_DIR) holds it.
"""

import json
import os
import re
import shutil
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from newsletter.rendering import render_edition
from tests.newsletter.samples import rich_edition

ROOT = Path(__file__).resolve().parents[2]
LINT = ROOT / "tests/services/email-clients"
INSTALLED = Path(os.environ.get("EMAIL_CLIENTS_DIR") or ROOT / "var/email-clients")
CLIENTS = [
    *("gmail.desktop-webmail", "gmail.mobile-webmail", "gmail.ios", "gmail.android"),
    *("outlook.windows", "outlook.com", "outlook.macos", "outlook.ios", "outlook.android"),
    *("apple-mail.macos", "apple-mail.ios", "samsung-email.android"),
]
INTRODUCTION = (
    "<h3>A word</h3><p>From <b>us</b> to <em>you</em>, <a href='https://example.org/'>here</a>.</p><ul><li>a</li></ul>"
)


def lint(html):
    """Each finding in a mail as (feature, client, support), support being “none” or “partial”."""
    done = subprocess.run(
        ["node", str(LINT / "lint.mjs"), *CLIENTS],
        cwd=INSTALLED,
        input=html,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return {(one["feature"], one["client"], one["support"]) for one in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def findings():
    """The findings in an edition that holds everything."""
    if not shutil.which("node"):
        pytest.fail("Node is missing: install Debian's packages nodejs and npm, then run this again.")
    wanted = json.loads((LINT / "package.json").read_text())["dependencies"]["caniemail"]
    package = INSTALLED / "node_modules/caniemail/package.json"
    if not package.exists() or json.loads(package.read_text())["version"] != wanted:
        pytest.fail(f"caniemail {wanted} is missing in {INSTALLED}: copy {LINT}/package*.json there and run npm ci.")
    content = rich_edition(notice="Test send", correction="A correction.", introduction_html=INTRODUCTION)
    return lint(render_edition(content).html)


@pytest.fixture(scope="module")
def accepted():
    """The rows of the table of what is accepted: its features, the programs without them, and those with a part."""
    document = (ROOT / "docs/email-clients.md").read_text()
    rows = [line.strip("|").split("|") for line in document.splitlines() if line.startswith("| `")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in row[:3]] for row in rows]


def covers(row, feature, client, support):
    features, without, partly = row
    programs = without if support == "none" else partly
    return feature in features and any(fnmatchcase(client, name) for name in programs)


def test_every_finding_is_accepted_with_a_reason(findings, accepted):
    new = [one for one in sorted(findings) if not any(covers(row, *one) for row in accepted)]
    assert new == [], "Find a better way in the template, or write the fallback down in docs/email-clients.md."


def test_nothing_is_accepted_that_the_mail_no_longer_holds(findings, accepted):
    for features, without, partly in accepted:
        for feature in features:
            assert any(feature == found for found, _, _ in findings), f"{feature} is no longer in use"
        for support, programs in (("none", without), ("partial", partly)):
            for name in programs:
                found = [one for one in findings if one[2] == support and one[0] in features]
                assert any(fnmatchcase(client, name) for _, client, _ in found), f"{features}: not so in {name}"


def test_the_lint_finds_what_no_mail_should_hold(findings):
    """So that an empty list of findings cannot be that of a lint that does nothing."""
    html = '<div style="display:grid"><video src="https://example.org/x"></video></div>'
    found = {finding[:2] for finding in lint(html)}
    assert ("<video> element", "gmail.android") in found
    assert ("<video> element", "outlook.com") in found
