"""Something to do on the hub's desk, to try it out: offers that wait, messages, searches in vain, past enquiries."""

import json
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from cms.models import Enquiry, Entry, FruitlessSearch, Message, Region, Sector, Submission, Topic
from cms.sample_content import FOLDER
from cms.submitting import confirm
from cms.tokens import new_reference, new_token

ENQUIRIES = 160
DAYS = 150  # over which they came


@transaction.atomic
def load_desk() -> int:
    """Fill a desk on which nothing ever lay, after the sample entries; return how many things lie there now."""
    if Submission.objects.exists() or Message.objects.exists() or Enquiry.objects.exists():
        return 0
    sample = json.loads((FOLDER / "desk.json").read_text())
    for row in sample["offers"]:
        _offer(row)
    Message.objects.bulk_create([_message(row) for row in sample["messages"]])
    FruitlessSearch.objects.bulk_create(
        [
            FruitlessSearch(words=words, times=times, last_on=timezone.localdate())
            for words, times in sample["searches"].items()
        ],
        ignore_conflicts=True,
    )
    _enquiries()
    return len(sample["offers"]) + len(sample["messages"]) + len(sample["searches"]) + ENQUIRIES


def _offer(row: Mapping[str, Any]) -> None:
    """Somebody's offer, confirmed from their mail, so that it waits for an editor."""
    made_at = timezone.now() - timedelta(days=row["days_ago"])
    typed = {name: row[name] for name in ("kind", "title", "name", "email", "organisation", "words")}
    submission = Submission.objects.create(
        **typed, reference=new_reference("S"), token_hash=new_token()[1], made_at=made_at
    )
    confirm(submission=submission)
    Submission.objects.filter(pk=submission.pk).update(confirmed_at=made_at)


def _message(row: Mapping[str, Any]) -> Message:
    return Message(
        reference=new_reference("M"),
        entry=Entry.objects.filter(slug=row.get("about", "")).first(),
        name=row["name"],
        email=row["email"],
        text=row["text"],
        received_at=timezone.now() - timedelta(days=row["days_ago"]),
    )


def _enquiries() -> None:
    """What advisers answered, the same each time: some sectors ask more often than others."""
    dice = random.Random(DAYS)
    sectors, regions = list(Sector.objects.all()), list(Region.objects.all())
    topics, entries = list(Topic.objects.all()), list(Entry.objects.live().order_by("pk")[:40])
    for place in range(ENQUIRIES):
        enquiry = Enquiry.objects.create(
            made_at=timezone.now() - timedelta(days=place * DAYS // ENQUIRIES, hours=1),
            sector=dice.choice([*sectors, *sectors[:3], None]),
            region=dice.choice([*regions, None]),
            answered=dice.choice(Enquiry.Answered.values),
        )
        enquiry.topics.set(dice.sample(topics[:6], dice.choice([1, 1, 2])))
        enquiry.entries.set(dice.sample(entries, min(len(entries), dice.choice([1, 2, 3]))))
