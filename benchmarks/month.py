"""`python -m benchmarks.month`: a month of people, privacy proxies and mail gateways, and what our rules make of them.

Every request of a simulated world (`readers.py`) goes through the site's own pages at its own moment, and hits are
judged minute by minute as the scheduler does. Printed are precision and recall of the rules for each class, verdicts by
who it was, and whether anybody's click was lost from the redirect. With `--json`, one object as the last line.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

SENT = datetime(2026, 11, 5, 9, 0, tzinfo=UTC)
LINKS = 10
DAYS = 28
TRUTH = {True: "human", False: "machine"}


@dataclass
class Month:
    """What became of the requests: verdicts by who made the hit, and clicks of people that were not led on."""

    requests: int = 0
    clicks_of_people: int = 0
    lost: int = 0
    verdicts: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # who, what, verdict
    clickers: dict[str, int] = field(default_factory=dict)

    def scores(self, what: str) -> dict[str, dict[str, float]]:
        """Precision and recall of the verdicts about opens, or about clicks; what cannot be told is neither."""
        found = {}
        for name in TRUTH.values():
            said = self._count(what, verdict=name)
            right = self._count(what, verdict=name, truth=name)
            true = self._count(what, truth=name)
            found[name] = {
                "precision": round(right / said, 3) if said else 1.0,
                "recall": round(right / true, 3) if true else 1.0,
                "hits": true,
            }
        return found

    def _count(self, what: str, *, verdict: str = "", truth: str = "") -> int:
        return sum(
            number
            for (who, kind, said), number in self.verdicts.items()
            if kind == what and verdict in ("", said) and truth in ("", TRUTH[who.startswith("person")])
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "clicks_of_people": self.clicks_of_people,
            "lost": self.lost,
            "clicks": self.scores("click"),
            "opens": self.scores("open"),
            "unknown_opens": self._count("open", verdict="unknown"),
            "clickers": self.clickers,
            "by_who": {
                f"{who}, {what}": {
                    verdict: self.verdicts[who, what, verdict] for verdict in ("human", "machine", "unknown")
                }
                for who, what in sorted({(who, what) for who, what, _ in self.verdicts})
            },
        }


def simulate(issue: Any, tokens: Sequence[tuple[int, str]], *, seed: int) -> Month:
    """Let a month pass over an issue that was handed over at `SENT`; `tokens` are its deliveries, each with its token.

    Everybody agrees to be measured: of the others nothing is kept, so there is nothing to judge.
    """
    import time_machine
    from django.test import Client

    from benchmarks.readers import World
    from newsletter.models import Hit

    urls = dict(issue.links.values_list("number", "url"))
    world, month = World(seed, len(urls)), Month()
    requests = sorted(one for number in range(len(tokens)) for one in world.mail(number))
    truth: dict[int, str] = {}
    client, waiting = Client(), deque[datetime]()
    with time_machine.travel(SENT, tick=False) as clock:
        for one in requests:
            if one.at > DAYS * 86400:
                break
            at = SENT + timedelta(seconds=one.at)
            _judge_until(at, waiting, clock)
            clock.move_to(at)
            month.requests += 1
            response = _ask(client, one, tokens[one.mail][1])
            if one.what == "click":
                led_on = response.status_code == 302 and response["Location"] == urls[one.number]
                month.clicks_of_people += one.is_person
                month.lost += one.is_person and not led_on
            if one.what != "leave":
                truth[Hit.objects.latest("pk").pk] = one.who
                waiting.append(at)
        _judge_until(SENT + timedelta(days=DAYS + 1), waiting, clock)
    people, counted = set(), set()
    for pk, delivery, what, verdict in Hit.objects.values_list("pk", "delivery", "what", "verdict"):
        month.verdicts[truth[pk], what, verdict] += 1
        if what == "click":
            people |= {delivery} if truth[pk].startswith("person") else set()
            counted |= {delivery} if verdict == "human" else set()
    month.clickers = {"people": len(people), "counted": len(counted), "of_them_right": len(people & counted)}
    return month


def _judge_until(at: datetime, waiting: deque[datetime], clock: Any) -> None:
    """Judge as the scheduler does, at every full minute up to a moment at which the window of some hit has closed."""
    from newsletter.judging import WINDOW, judge_due

    while waiting:
        minute = (waiting[0] + WINDOW).replace(second=0, microsecond=0) + timedelta(minutes=1)
        if minute > at:
            return
        clock.move_to(minute)
        judge_due()
        while waiting and waiting[0] <= minute - WINDOW:
            waiting.popleft()


def _ask(client: Any, one: Any, token: str) -> Any:
    path = {"click": f"/l/{token}/{one.number}", "open": f"/o/{token}.gif", "leave": f"/e-news/u/{token}/"}[one.what]
    ask = client.head if one.method == "HEAD" else client.get
    headers = {"user-agent": one.agent, **dict(one.headers)}
    return ask(path, headers=headers, REMOTE_ADDR=one.address)


def prepare(mails: int) -> tuple[Any, list[tuple[int, str]]]:
    """An issue with so many mails, handed over at `SENT` to people who agree to everything."""
    from membership.models import Member, Subscription
    from membership.sample_members import make_members
    from newsletter.compiling import archive_page
    from newsletter.models import Delivery, Edition, Issue, Link, Mailing
    from newsletter.tokens import delivery_token, token_hash

    make_members(mails, audiences=1)
    Subscription.objects.update(track_opens=True, track_clicks=True)
    members = list(Member.objects.order_by("pk"))
    issue = archive_page().add_child(
        instance=Issue(title="October 2026", slug="2026-10", period="2026-10", subject="News", live=True)
    )
    Mailing.objects.create(issue=issue, state="finished", frozen=mails, started_at=SENT, finished_at=SENT)
    edition = Edition.objects.create(
        issue=issue, number=1, label="All", subject="News", html="", text="", content_hash="0" * 64
    )
    Link.objects.bulk_create(
        Link(issue=issue, number=number, url=f"https://example.org/{number}/") for number in range(1, LINKS + 1)
    )
    rows = [Delivery(issue=issue, edition=edition, member=one, state="sent", handed_at=SENT) for one in members]
    tokens = [delivery_token(row.nonce) for row in rows]
    for row, token in zip(rows, tokens, strict=True):
        row.token_hash = token_hash(token)
    made = Delivery.objects.bulk_create(rows)
    return issue, [(row.pk, token) for row, token in zip(made, tokens, strict=True)]


def lines(month: dict[str, Any]) -> Iterator[str]:
    """The result as a table for people."""
    yield f"{month['requests']:,} requests; {month['clicks_of_people']:,} clicks of people, {month['lost']} lost"
    yield ""
    for what in ("clicks", "opens"):
        for name, score in month[what].items():
            yield (
                f"{what:7} {name:8} precision {score['precision']:.3f}   recall {score['recall']:.3f}"
                f"   of {score['hits']:,} hits"
            )
    clickers = month["clickers"]
    yield ""
    counted = f"{clickers['counted']:,}, {clickers['of_them_right']:,} rightly"
    yield f"people who clicked: {clickers['people']:,}; counted: {counted}"
    yield f"opens that cannot be told: {month['unknown_opens']:,}"
    yield ""
    yield f"{'who':44} {'person':>7} {'machine':>8} {'unknown':>8}"
    for who, said in month["by_who"].items():
        yield f"{who:44} {said['human']:>7,} {said['machine']:>8,} {said['unknown']:>8,}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=400)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "VAR_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "ALLOWED_HOSTS": "testserver",
        }
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.development"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        month = simulate(*prepare(options.mails), seed=options.seed).as_dict()
    for line in lines(month):
        print(line)
    if options.json:
        print(json.dumps(month))
    return 1 if month["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
