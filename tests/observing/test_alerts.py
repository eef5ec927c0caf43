"""The alerts: every metric they name exists, and the runbook says what to do about each."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from wagtail.log_actions import log

from newsletter import daily
from newsletter.models import Delivery, NewsletterSettings

ROOT = Path(__file__).resolve().parents[2]
RULES = [rule for group in yaml.safe_load((ROOT / "docs/alerts.yml").read_text())["groups"] for rule in group["rules"]]
NAME = re.compile(r"\bihop_[a-z_]+")
SELECTOR = re.compile(r"\b(ihop_[a-z_]+)\{([^}]*)\}")


@pytest.fixture
def told(client, alive, under_way):
    """What the service tells: metric name -> labels of each sample. With everything there that can be told."""
    log(NewsletterSettings.load(), daily.DONE)
    under_way(pending=1)
    client.get("/")
    client.get("/metrics")  # the second time, requests of the first are in
    from config.observing import counters

    counters.count_task("newsletter.tasks.tick", "failure", 1)
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.mark.django_db
def test_every_metric_an_alert_names_is_told(told):
    named = {name for rule in RULES for name in NAME.findall(rule["expr"])}
    assert named - told.keys() == set()
    assert len(named) > 15


@pytest.mark.django_db
def test_every_label_an_alert_asks_for_is_told(told):
    for rule in RULES:
        for name, selector in SELECTOR.findall(rule["expr"]):
            for label, _, value in re.findall(r'(\w+)(!?[=~]+)"([^"]*)"', selector):
                assert all(label in labels for labels in told[name]), (rule["alert"], name, label)
                if label == "state" and name == "ihop_deliveries":
                    assert value in Delivery.State.values


@pytest.mark.django_db
def test_what_has_never_run_raises_its_alert(client):
    """A metric that is not told is compared with nothing, so its rule must ask for that by itself."""
    told = client.get("/metrics").content.decode()
    names = ("ihop_heartbeat_age_seconds", "ihop_daily_age_seconds")
    rules = {name: [rule["expr"] for rule in RULES if name in rule["expr"]] for name in names}
    for name, expressions in rules.items():
        assert f"\n{name}{{" not in told
        assert f"\n{name} " not in told
        assert expressions
        assert all(re.search(rf"\bor \(absent\({name}\b.*\bihop_database_up == 1\)", one) for one in expressions)


def test_the_runbook_says_what_to_do_about_each():
    runbook = (ROOT / "docs/runbook.md").read_text().partition("## Alerts")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| (.+) \| (.+) \|$", runbook, re.MULTILINE)
    assert [row[0] for row in rows if row[0] != "alert"] == [rule["alert"] for rule in RULES]


def test_every_rule_is_whole():
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert set(rule) <= {"alert", "expr", "for", "labels"}
