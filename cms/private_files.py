"""Documents of case studies are for members, like the case studies themselves (quality.md 11).

They lie in a collection that only the Members group may read from; Wagtail's document view asks that before it serves
one. One that lies elsewhere is for members all the same, unless a public page uses it too. Images need none of this: a
case study has no place for one.

Documents of other pages are public, until every page that uses one is behind page privacy: then it is for those who may
read one of these pages.
"""

import re
from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from wagtail.documents import get_document_model
from wagtail.models import Collection, CollectionViewRestriction, Page, PageViewRestriction, ReferenceIndex
from wagtail.rich_text import extract_references_from_rich_text

from cms.groups import MEMBERS_GROUP
from cms.open_data import closing

COLLECTION = "Members only"
ALSO_PUBLIC = (
    "Upload a copy of “{}” and use that instead: a public page has the same document, so everybody can read it."
)


@transaction.atomic
def ensure_members_collection() -> Collection:
    """Return the collection that the Members group alone may read from; make it when there is none."""
    group, _ = Group.objects.get_or_create(name=MEMBERS_GROUP)
    found = Collection.objects.filter(
        view_restrictions__restriction_type=CollectionViewRestriction.GROUPS, view_restrictions__groups=group
    ).first()
    if found:
        return found
    root = Collection.get_first_root_node() or Collection.add_root(instance=Collection(name="Root"))
    collection: Collection = root.add_child(instance=Collection(name=COLLECTION))
    restriction = CollectionViewRestriction.objects.create(
        collection=collection, restriction_type=CollectionViewRestriction.GROUPS
    )
    restriction.groups.add(group)
    return collection


def documents_of(document_id: int | None, body: str) -> set[int]:
    """The ids of an entry's document and of those its text links to (rich text as the database has it)."""
    linked = {
        int(pk)
        for model, pk, *_ in extract_references_from_rich_text(body)
        if model is get_document_model() and re.fullmatch(r"\d{1,18}", str(pk))
    }
    return linked | ({document_id} if document_id else set())


def _uses(documents: Iterable[int]) -> list[tuple[int, int]]:
    """Which page, live or not, uses which of these documents: pairs of ids. One query, by index."""
    found = ReferenceIndex.objects.filter(
        to_content_type=ContentType.objects.get_for_model(get_document_model()),
        to_object_id__in=[str(pk) for pk in documents],
        base_content_type=ContentType.objects.get_for_model(Page),
    )
    return [(int(page), int(document)) for page, document in found.values_list("object_id", "to_object_id")]


def privacy_around(document: int) -> list[list[PageViewRestriction]]:
    """What each live page that uses a document asks of its readers; nothing where one of them is open, or none uses it.

    A case study asks for membership, which is another matter (`is_for_members`): here it is open. Four queries at most.
    """
    closed = list(closing().select_related("page").prefetch_related("groups"))
    uses = _uses([document]) if closed else []
    if not uses:
        return []
    paths = Page.objects.live().filter(pk__in={page for page, _ in uses}).values_list("path", flat=True)
    asked = [[one for one in closed if path.startswith(one.page.path)] for path in paths]
    return asked if all(asked) else []


def also_public(documents: Iterable[int]) -> set[int]:
    """Which of these documents a live page that is no case study uses. Two queries, both by index."""
    ids = list(documents)
    if not ids:
        return set()
    uses = _uses(ids)
    pages = Page.objects.live().filter(pk__in={page for page, _ in uses})
    public = set(
        pages.exclude(content_type__app_label="cms", content_type__model="casestudy").values_list("pk", flat=True)
    )
    return {document for page, document in uses if page in public}


def used_by_case_studies(documents: Iterable[int]) -> set[int]:
    """Which of these documents a case study, published or not, uses. One query, by index."""
    uses = ReferenceIndex.objects.filter(
        to_content_type=ContentType.objects.get_for_model(get_document_model()),
        to_object_id__in=[str(pk) for pk in documents],
        content_type__app_label="cms",
        content_type__model="casestudy",
    )
    return {int(pk) for pk in uses.values_list("to_object_id", flat=True)}


def is_for_members(document: int) -> bool:
    """Whether members alone may read a document, wherever it lies: a case study uses it, and no public page does."""
    used = used_by_case_studies([document])
    return bool(used) and not also_public(used)


def keep_private(documents: Iterable[int]) -> int:
    """Move a case study's documents into the members' collection; return how many moved.

    One that a public page uses stays where it is, or that page would lose it: publishing the case study is refused.
    """
    ids = set(documents)
    ids -= also_public(ids)
    if not ids:
        return 0
    collection = ensure_members_collection()
    private = collection.get_descendants(inclusive=True)
    moved: int = (
        get_document_model().objects.filter(pk__in=ids).exclude(collection__in=private).update(collection=collection)
    )
    return moved


def obstacle(documents: Iterable[int]) -> str:
    """The sentence that says why a case study with these documents cannot be published; empty when it can."""
    public = also_public(documents)
    first = get_document_model().objects.filter(pk__in=public).order_by("pk").first() if public else None
    return ALSO_PUBLIC.format(first.title) if first else ""
