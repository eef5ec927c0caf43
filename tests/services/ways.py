"""What a browser cannot find by itself: links that came by mail, somebody who is logged in, pages that are not for all.

Run inside an installation: `manage.py shell -c "from tests.services.ways import made; print(made(4))"`.
"""

import hashlib
import json
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from wagtail.models import PageViewRestriction

from cms.groups import MEMBERS_GROUP
from cms.models import AssuranceRequest, Kind, Submission
from cms.submission_forms import FORMS
from membership import saving
from membership.models import Subscription
from tests.cms.offers import WORDS
from tests.factories import entry, subscription

HELD = {"slug": "looked-at", "title": "Looked at", "phone": "0191 498 0123", "contact_email": "desk@example.org"}


def made(number: int) -> str:
    """So many ways as JSON: paths of one person's pages, and a session. Each may be used once."""
    listing = entry(Kind.SERVICE, **HELD)
    password, other_group = (_put_away(kind) for kind in ("password", "groups"))
    found = [_one(place, listing) | {"password": password, "forbidden": other_group} for place in range(number)]
    return json.dumps(found)


def _one(place: int, listing: Any) -> dict[str, str]:
    now, words = timezone.now(), f"looked-at-{place}"
    proof = {"token_hash": hashlib.sha256(words.encode()).hexdigest()}
    AssuranceRequest.objects.create(entry=entry(Kind.TRAINING, slug=words), asked_at=now, **proof)
    person = {"name": "Sam Sample", "email": f"{words}@example.org"}
    form = FORMS["resource"](WORDS["resource"] | person)
    assert form.is_valid(), form.errors
    offered = {"kind": Kind.RESOURCE, "title": "A book for bedtime", "words": form.words()}
    Submission.objects.create(reference=f"S-LOOKED{place}", made_at=now, **offered, **person, **proof)
    waiting = subscription(f"waiting-{words}@example.org", state="pending", asked_at=now)
    Subscription.objects.filter(pk=waiting.pk).update(confirmation_hash=proof["token_hash"])
    member = subscription(f"member-{words}@example.org").member
    member.user.groups.add(Group.objects.get(name=MEMBERS_GROUP))
    saving.save_entry(member=member, entry=listing)
    saving.save_search(member=member, address="q=visits&region=london", in_news=True)
    browser = Client()
    browser.force_login(member.user)
    return {
        "still_correct": f"/still-correct/{words}/",
        "submission": f"/submit/confirm/{words}/",
        "joining": f"/join/confirm/{words}/",
        "session": browser.cookies["sessionid"].value,
    }


def _put_away(kind: str) -> str:
    """The path of an entry that is for nobody here."""
    page = entry(Kind.RESOURCE, slug=f"put-away-{kind}", title="Put away")
    restriction = PageViewRestriction.objects.create(page=page, restriction_type=kind, password="sesame")
    if kind == "groups":
        restriction.groups.add(Group.objects.create(name="Nobody"))
    return f"/directory/{page.slug}/"
