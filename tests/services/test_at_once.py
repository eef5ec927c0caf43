"""Two processes at once with the same hits, reports or audiences: each is judged or kept once, and none is missed."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.services.conftest import ROOT, Installation

BEGIN = """
import sys, json, random
import django; django.setup()
from datetime import timedelta
from django.utils import timezone
from newsletter import judging, reported
from newsletter.models import Delivery, Hit, Link
from newsletter.reported import Reported, record_provider_events
def hold(module, name):
    '''Stop in front of a function of a module until a line comes.'''
    plain = getattr(module, name)
    def held(*args):
        print("held", flush=True)
        sys.stdin.readline()
        return plain(*args)
    setattr(module, name, held)
def verdicts():
    return sorted(Hit.objects.values_list("pk", "verdict", "reason"))
"""
# Hits of thirty readers: bursts, scanners that look at the page to leave, and people who take their time.
MAKE = """
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand
people = [factories.subscription(f"p{n}@example.org", track_clicks=True, track_opens=True) for n in range(30)]
issue = open_mailing(people)
links = Link.objects.bulk_create(Link(issue=issue, number=n, url=f"https://example.org/{n}/") for n in range(1, 9))
send_by_hand(issue)
dice, start = random.Random(7), timezone.now() - timedelta(hours=9)
Delivery.objects.update(handed_at=start)
made = []
for delivery in Delivery.objects.order_by("pk"):
    at = start + timedelta(minutes=dice.randrange(9, 400))
    for _ in range(dice.randrange(3, 9)):
        at += timedelta(seconds=dice.choice([0.1, 0.4, 2, 30, 300]))
        what = dice.choice(["click", "click", "click", "open", "leave"])
        link = dice.choice(links) if what == "click" else None
        made.append(Hit(delivery=delivery, what=what, link=link, at=at, network=dice.randrange(3)))
Hit.objects.bulk_create(made)
before = list(Hit.objects.values())
judging.judge_due()
alone = verdicts()
Hit.objects.all().delete()
Hit.objects.bulk_create(Hit(**values) for values in before)
print(json.dumps({"alone": alone, "hits": len(alone)}))
"""
JUDGE = "print(judging.judge_batch().judged)"
JUDGE_ALL = """
judging.BATCH = 3
print("ready", flush=True)
sys.stdin.readline()
print(judging.judge_due(120))
"""
TOLD = """
delivery = Delivery.objects.order_by("pk").first()
def told(number):
    at = delivery.handed_at + timedelta(hours=1 + number)
    return Reported(provider="esp", event_type="opened", event_id=str(number), happened_at=at,
        metadata={"delivery": str(delivery.pk)})
"""

SOFT = """
from membership.models import Suppression
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand
def soft(number):
    delivery = Delivery.objects.order_by("issue__period")[number]
    return Reported(provider="esp", event_type="bounced", verdict="soft", event_id=str(number),
        happened_at=timezone.now() - timedelta(days=100 - 40 * number), metadata={"delivery": str(delivery.pk)})
def suppressed():
    return Suppression.objects.filter(reason="bounced").count()
"""
MAKE_SOFT = """
ada = factories.subscription("ada@example.org")
for period in ("2026-08", "2026-09", "2026-10"):
    send_by_hand(open_mailing([ada], period=period))
record_provider_events([soft(0)])
print(suppressed())
"""


class Program:
    """A Python program in a process of its own, which can be told to go on."""

    def __init__(self, installation: Installation, text: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + text],
            cwd=ROOT,
            env=installation.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says(self, line: str) -> None:
        """Wait until it says so."""
        assert self.process.stdout
        said = self.process.stdout.readline().strip()
        assert said == line, self.process.communicate(timeout=60)[1]

    def waits(self, seconds: float) -> bool:
        """Whether it has not come to its end after so long."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self) -> str:
        """Let it go on to its end; return the last line it said."""
        out, err = self.process.communicate("\n", timeout=120)
        assert self.process.returncode == 0, err
        return out.strip().splitlines()[-1]


@pytest.fixture
def programs(production_like: Installation) -> Iterator[list[Program]]:
    """What was started, so that nothing is left behind."""
    started: list[Program] = []
    yield started
    for one in started:
        one.process.kill()


@pytest.fixture
def start(production_like: Installation, programs: list[Program]):
    def started(text: str) -> Program:
        programs.append(Program(production_like, text))
        return programs[-1]

    return started


@pytest.fixture
def made(start) -> dict:
    """What one judge alone says of the hits, and how many there are; they wait to be judged again."""
    return json.loads(start(MAKE).end())


def verdicts(start) -> list:
    return json.loads(start("print(json.dumps(verdicts()))").end())


def test_of_two_judges_one_waits_for_the_other_and_finds_everything_judged(start, made):
    first = start('hold(judging, "_write")\n' + JUDGE)
    first.says("held")
    second = start('print("begins", flush=True)\n' + JUDGE)
    second.says("begins")
    assert second.waits(3)
    assert int(first.end()) == made["hits"]
    assert int(second.end()) == 0
    assert verdicts(start) == made["alone"]


def test_judges_that_run_as_they_like_judge_each_hit_once(start, made):
    judges = [start(JUDGE_ALL) for _ in range(3)]
    for one in judges:
        one.says("ready")
    for one in judges:
        one.process.stdin.write("\n")
        one.process.stdin.flush()
    assert sum(int(one.end()) for one in judges) == made["hits"]
    assert verdicts(start) == made["alone"]


def test_two_bounces_of_one_person_at_once_are_both_seen(start):
    assert int(start(SOFT + MAKE_SOFT).end()) == 0
    first = start(f'{SOFT}hold(reported, "mark_stale")\nrecord_provider_events([soft(1)])\nprint(suppressed())')
    first.says("held")
    second = start(f'{SOFT}print("begins", flush=True)\nrecord_provider_events([soft(2)])\nprint(suppressed())')
    second.says("begins")
    assert second.waits(3)
    assert int(first.end()) == 0
    assert int(second.end()) == 1


def test_a_reading_that_two_processes_are_told_of_at_once_is_kept_once(start, made):
    start(TOLD + "Hit.objects.all().delete(); record_provider_events([told(0)]); print(1)").end()
    one_more = TOLD + "record_provider_events([told(1)])\nprint(Hit.objects.count())"
    first = start('hold(reported, "_settle")\n' + one_more)
    first.says("held")
    second = start('print("begins", flush=True)\n' + one_more)
    second.says("begins")
    assert second.waits(3)
    assert int(first.end()) == 2
    assert int(second.end()) == 2


def test_retention_leaves_alone_what_a_freeze_needs(start):
    """Somebody never confirmed, and goes while an issue is frozen: so does their choice, which nobody else made."""
    begin = """
from django.utils import timezone
from membership.models import Audience, Subscription
from newsletter import ageing, freezing
from tests import factories
"""
    make = """
factories.subscription("ada@example.org", sectors=["health"])
factories.subscription("bob@example.org", sectors=["schools"], state="pending")
print(factories.approved_issue().pk)
"""
    issue = start(begin + make).end()
    freeze = f"""
from newsletter.models import Issue
hold(freezing, "insert_deliveries")
print(freezing.freeze(Issue.objects.get(pk={issue})).frozen)
"""
    purge = """
Subscription.objects.filter(state="pending").delete()
print(sum(ageing.audiences(timezone.now())), Audience.objects.count())
"""
    first = start(begin + freeze)
    first.says("held")
    assert start(begin + purge).end() == "0 2"
    assert int(first.end()) == 1
