"""Forgetting people by their addresses: what they offered, what they wrote to us, and that they confirm a listing."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from wagtail.models import ModelLogEntry, Page, PageLogEntry, Revision, TaskState

from cms.models import AssuranceRequest, Entry, Message, Submission

BATCH = 500  # older versions, or lines of the log, held in memory at once


@dataclass(frozen=True)
class Forgotten:
    """How many submissions, messages and listings an address has been taken out of."""

    submissions: int
    messages: int
    listings: int

    @property
    def anything(self) -> bool:
        return bool(self.submissions or self.messages or self.listings)


@transaction.atomic
def forget_addresses(addresses: Collection[str]) -> Forgotten:
    """Delete submissions and messages from these normalised addresses, and take them off every listing.

    Drafts that were made of what they offered, and never published, go as well; what was published stays. As many
    queries for a thousand addresses as for one, but for those drafts: Wagtail's indexes follow each page by itself.
    """
    pks = list(Submission.objects.filter(email__in=addresses).values_list("pk", flat=True))
    listings = _forget_contact(addresses)
    delete_submissions(pks)
    messages = Message.objects.filter(email__in=addresses).delete()[0]
    return Forgotten(len(pks), messages, listings)


@transaction.atomic
def delete_submissions(pks: Collection[int]) -> None:
    """Delete these submissions, what the log says of them, and their entries that are drafts and never were more.

    The log of such a draft goes with it, for it names its title. Of an entry that was published the log stays, but for
    what editors said about the offer.
    """
    entries = list(Entry.objects.filter(submission__in=pks).values_list("pk", "live", "first_published_at"))
    drafts = [pk for pk, live, published in entries if not live and not published]
    Page.objects.filter(pk__in=drafts).delete()
    PageLogEntry.objects.filter(page_id__in=drafts).delete()
    _forget_comments([pk for pk, *_ in entries if pk not in set(drafts)])
    logged = ModelLogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Submission))
    logged.filter(object_id__in=[str(pk) for pk in pks]).delete()
    Submission.objects.filter(pk__in=pks).delete()


def find_addresses(wanted: Callable[[str], datetime | None]) -> set[str]:
    """Find addresses that are held although they should have been forgotten, in a backup that was restored.

    `wanted` is given a normalised address and returns the moment at which it was forgotten, or None. Found is what came
    before that moment: whoever wrote again since is somebody we may hold. Reads every row, in slices.
    """
    held: tuple[QuerySet[Any, tuple[str, datetime | None]], ...] = (
        Submission.objects.values_list("email", "made_at"),
        Message.objects.exclude(email="").values_list("email", "received_at"),
        Entry.objects.exclude(contact_email="").values_list(Lower("contact_email"), "latest_revision_created_at"),
        _with_contact().exclude(contact="").values_list("contact", "created_at"),
    )
    return {
        address
        for rows in held
        for address, since in rows.iterator(chunk_size=BATCH)
        if (moment := wanted(address)) and (since is None or since < moment)
    }


def _forget_contact(addresses: Collection[str]) -> int:
    """Clear the contact of every entry, and of every draft and older version, that has one of these.

    What a contact answered goes too: it may be signed. Returns the number of entries.
    """
    listed = Entry.objects.annotate(contact=Lower("contact_email")).filter(contact__in=addresses)
    entries = set(listed.values_list("pk", flat=True))
    Entry.objects.filter(pk__in=entries).update(contact_email="")
    # Looked for by themselves: an address may stand in a draft, or in a version that was replaced, and nowhere else.
    for versions in _slices(_with_contact().filter(contact__in=addresses)):
        for version in versions:
            version.content["contact_email"] = ""
            entries.add(int(version.object_id))
        Revision.objects.bulk_update(versions, ["content"])
    AssuranceRequest.objects.filter(entry__in=entries).exclude(text="").update(text="")
    return len(entries)


def _with_contact() -> QuerySet[Any]:
    """Every version of a page that says who confirms it, with the `contact` in lower case; None is left out."""
    return (
        Revision.objects.page_revisions()
        .annotate(contact=Lower(KT("content__contact_email")))
        .exclude(contact__isnull=True)
    )


def _forget_comments(pages: Collection[int]) -> None:
    """Take out of the workflows of these pages what editors said when they approved or sent back."""
    said = PageLogEntry.objects.filter(page_id__in=pages, action__startswith="wagtail.workflow.")
    for lines in _slices(said):
        told = [line for line in lines if line.data.get("comment")]
        for line in told:
            line.data["comment"] = ""
        PageLogEntry.objects.bulk_update(told, ["data"])
    of_pages = Q(workflow_state__base_content_type=ContentType.objects.get_for_model(Page))
    states = TaskState.objects.filter(of_pages, workflow_state__object_id__in=[str(pk) for pk in pages])
    states.exclude(comment="").update(comment="")


def _slices(found: QuerySet[Any]) -> Iterator[list[Any]]:
    """Rows in the order of their keys, so many at a time."""
    after = 0
    while rows := list(found.filter(pk__gt=after).order_by("pk")[:BATCH]):
        yield rows
        if len(rows) < BATCH:
            return
        after = rows[-1].pk
