"""Forgetting people by their addresses: what they offered, what they wrote to us, and that they confirm a listing."""

from collections.abc import Collection

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from wagtail.models import ModelLogEntry, Page, Revision

from cms.models import Entry, Message, Submission


@transaction.atomic
def forget_addresses(addresses: Collection[str]) -> None:
    """Delete submissions and messages from these normalised addresses, and take them off every listing.

    Drafts that were made of what they offered, and never published, go as well; what was published stays. As many
    queries for a thousand addresses as for one, but for those drafts: Wagtail's indexes follow each page by itself.
    """
    offered = Submission.objects.filter(email__in=addresses)
    pks = list(offered.values_list("pk", flat=True))
    _forget_contact(addresses, [pk for pk in offered.values_list("entry", flat=True) if pk])
    delete_submissions(pks)
    Message.objects.filter(email__in=addresses).delete()


@transaction.atomic
def delete_submissions(pks: Collection[int]) -> None:
    """Delete these submissions, what the log says of them, and their entries that are drafts and never were more."""
    drafts = Entry.objects.filter(submission__in=pks, live=False, first_published_at=None)
    Page.objects.filter(pk__in=list(drafts.values_list("pk", flat=True))).delete()
    logged = ModelLogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Submission))
    logged.filter(object_id__in=[str(pk) for pk in pks]).delete()
    Submission.objects.filter(pk__in=pks).delete()


def _forget_contact(addresses: Collection[str], offered: Collection[int]) -> None:
    """Clear the contact of every entry that has one of these, and of the older versions that Wagtail keeps of it."""
    listed = Entry.objects.annotate(contact=Lower("contact_email")).filter(contact__in=addresses)
    entries = {*listed.values_list("pk", flat=True), *offered}
    listed.filter(pk__in=entries).update(contact_email="")
    versions = list(
        Revision.objects.page_revisions()
        .filter(object_id__in=[str(pk) for pk in entries])
        .exclude(Q(content__contact_email="") | Q(content__contact_email__isnull=True))
    )
    for version in versions:
        if str(version.content["contact_email"]).lower() in addresses:
            version.content["contact_email"] = ""
    Revision.objects.bulk_update(versions, ["content"], batch_size=100)
