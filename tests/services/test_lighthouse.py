"""Google's Lighthouse finds nothing to better on home, search results and an entry, under production settings.

Speed is no matter for a test: `make lighthouse` prints it as well (docs/performance.md).
"""

import json

import pytest

from benchmarks import lighthouse
from benchmarks.production_site import production_site


@pytest.fixture(scope="module")
def audits():
    wanted = json.loads((lighthouse.PACKAGE / "package.json").read_text())["dependencies"]["lighthouse"]
    if lighthouse.installed_version() != wanted:
        pytest.fail(f"Lighthouse {wanted} is missing: run “make var/lighthouse/installed”, then run this again.")
    with production_site() as address:
        return [lighthouse.audit(page, address + path) for page, path in lighthouse.PAGES.items()]


@pytest.mark.parametrize("category", ["accessibility", "best-practices", "seo"])
def test_nothing_is_left_to_better(audits, category):
    assert len(audits) == 3
    assert not [sentence for one in audits if (sentence := one.below(category))]
    assert {one.points[category] for one in audits} == {100}
