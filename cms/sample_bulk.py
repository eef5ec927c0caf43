"""Creating many entries with few statements, for benchmarks: what one `add_child` each would take half an hour over.

Each entry gets its rows in the tables of the page, the entry, its kind and its terms, its words for the search, and
(case studies) its restriction to members. Wagtail's own index and log entries are left out: nothing that is measured
reads them.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from random import Random
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model
from wagtail.models import Page, PageViewRestriction

from cms.groups import MEMBERS_GROUP
from cms.indexing import index_entries
from cms.models import CaseStudy, DirectoryPage, Entry

TERMS = ("sectors", "regions", "topics", "age_groups")
NUMBERS = {"sectors": (0, 1, 2), "regions": (0, 0, 1, 2), "topics": (1, 2, 3), "age_groups": (0, 0, 1, 2)}
AT_ONCE = 1000


@transaction.atomic
def create_in_bulk(*, parent: DirectoryPage, entries: Sequence[Entry], terms: Sequence[dict[str, list[int]]]) -> None:
    """Create unsaved entries of any kinds below the directory. `terms` gives the ids of each one's terms, by field."""
    parent.refresh_from_db(fields=["numchild", "path"])
    last = parent.get_last_child()
    step = Page._str2int(last.path[len(parent.path) :]) if last else 0
    pages = []
    for entry in entries:
        step += 1
        entry.derive()
        entry.draft_title = entry.title
        entry.path = Page._get_path(parent.path, parent.depth + 1, step)
        entry.depth, entry.locale_id = parent.depth + 1, parent.locale_id
        entry.content_type = ContentType.objects.get_for_model(type(entry))
        entry.set_url_path(parent)
        pages.append(Page(**{field.attname: getattr(entry, field.attname) for field in _own_fields(Page)}))
    Page.objects.bulk_create(pages, batch_size=AT_ONCE)
    for entry, page in zip(entries, pages, strict=True):
        entry.pk = entry.id = entry.page_ptr_id = entry.entry_ptr_id = page.pk
    _insert(Entry, entries)
    for model, ones in groupby(sorted(entries, key=lambda one: type(one).__name__), key=type):
        _insert(model, list(ones))
    for name in TERMS:
        _connect(name, entries, [chosen[name] for chosen in terms])
    _restrict([entry for entry in entries if isinstance(entry, CaseStudy)])
    Page.objects.filter(pk=parent.pk).update(numchild=parent.numchild + len(entries))
    index_entries(Entry.objects.filter(pk__in=[entry.pk for entry in entries]))


def term_ids() -> dict[str, list[int]]:
    """The ids of all terms, by the entry's field."""
    models = {name: Entry._meta.get_field(name).related_model for name in TERMS}
    return {name: list(model._default_manager.values_list("pk", flat=True)) for name, model in models.items()}


def random_terms(dice: Random, ids: dict[str, list[int]]) -> dict[str, list[int]]:
    """Some terms for one entry, by field: a third are for all sectors, half are national, and half for all ages."""
    return {name: dice.sample(ids[name], min(len(ids[name]), dice.choice(NUMBERS[name]))) for name in TERMS}


def _own_fields(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.local_concrete_fields if not field.primary_key or field.remote_field]


def _insert(model: type[Model], entries: Sequence[Entry]) -> None:
    """The rows of one table only: `bulk_create` refuses models that are spread over several."""
    for first in range(0, len(entries), AT_ONCE):
        rows = model._base_manager.all()
        rows._insert(  # type: ignore[attr-defined]
            entries[first : first + AT_ONCE], fields=model._meta.local_concrete_fields, using=rows.db
        )


def _connect(name: str, entries: Iterable[Entry], terms: Iterable[list[int]]) -> None:
    through = getattr(Entry, name).through
    term = next(field for field in through._meta.local_concrete_fields if field.name not in {"id", "entry"})
    rows = [
        through(**{"entry_id": entry.pk, term.attname: pk})
        for entry, chosen in zip(entries, terms, strict=True)
        for pk in chosen
    ]
    through.objects.bulk_create(rows, batch_size=AT_ONCE)


def _restrict(studies: Sequence[CaseStudy]) -> None:
    made = PageViewRestriction.objects.bulk_create(
        PageViewRestriction(page_id=study.pk, restriction_type=PageViewRestriction.GROUPS) for study in studies
    )
    group, _ = Group.objects.get_or_create(name=MEMBERS_GROUP)
    through = PageViewRestriction.groups.through
    through.objects.bulk_create(
        (through(pageviewrestriction_id=one.pk, group_id=group.pk) for one in made), batch_size=AT_ONCE
    )
