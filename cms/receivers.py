"""Signals: case studies are private from their first moment; what changes is found by the search, and what is hidden is
not; a new installation gets its words and pages."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save, pre_delete, pre_save
from django.dispatch import receiver
from wagtail.models import Page, PageViewRestriction
from wagtail.signals import page_unpublished, post_page_move

from cms.groups import MEMBERS_GROUP
from cms.indexing import KINDS, index_entries, index_entry
from cms.models import AgeGroup, CaseStudy, Entry, Region, Sector, Topic
from cms.site import ensure_site


@receiver(post_save, sender=CaseStudy)
def restrict_to_members(instance: CaseStudy, created: bool, raw: bool, **kwargs: Any) -> None:
    """Put a new case study behind Wagtail's page privacy, open to the Members group only."""
    if created and not raw:
        restriction = PageViewRestriction.objects.create(page=instance, restriction_type=PageViewRestriction.GROUPS)
        restriction.groups.add(Group.objects.get_or_create(name=MEMBERS_GROUP)[0])


def index_saved(instance: Entry, raw: bool, update_fields: Any = None, **kwargs: Any) -> None:
    """Have the search find an entry as it now is. Unpublishing saves, too; deleting takes the words along.

    Terms are written after the entry itself, so that a whole save is taken from memory. A save of some fields is not:
    that is how a draft is kept, whose words nobody may find yet.
    """
    if not raw:
        index_entry(instance if update_fields is None else Entry.objects.get(pk=instance.pk).specific)


@receiver(page_unpublished)
def index_unpublished(instance: Page, **kwargs: Any) -> None:
    """In bulk, and for aliases, Wagtail saves the plain page, which the receivers of entries do not hear of."""
    if isinstance(instance, Entry):
        index_entry(instance)


INDEXED: tuple[type[Entry], ...] = (Entry, *KINDS)
for kind in INDEXED:
    post_save.connect(index_saved, sender=kind)


def remember_entries(instance: Any, signal: Any, raw: bool = False, **kwargs: Any) -> None:
    """Note which entries have a term that is about to go, or to get another name or slug."""
    known = type(instance).objects.filter(pk=instance.pk)
    if signal is pre_save:
        known = known.exclude(name=instance.name, slug=instance.slug)
    about = {} if raw or not instance.pk else {"pk__in": known.values("entries")}
    instance.entries_to_index = list(Entry.objects.filter(**about).values_list("pk", flat=True)) if about else []


def index_remembered(instance: Any, **kwargs: Any) -> None:
    if instance.entries_to_index:
        index_entries(Entry.objects.filter(pk__in=instance.entries_to_index))


for taxonomy in (Sector, Region, Topic, AgeGroup):
    for before, after in ((pre_save, post_save), (pre_delete, post_delete)):
        before.connect(remember_entries, sender=taxonomy)
        after.connect(index_remembered, sender=taxonomy)


def index_below(page: Page) -> None:
    """Have the search look again at whatever entries a page is or holds."""
    index_entries(Entry.objects.filter(path__startswith=page.path))


@receiver(post_save, sender=PageViewRestriction)
def index_what_is_private(instance: PageViewRestriction, raw: bool, **kwargs: Any) -> None:
    if not raw:
        index_below(instance.page)


@receiver(post_delete, sender=PageViewRestriction)
def index_what_is_public_again(instance: PageViewRestriction, origin: Any, **kwargs: Any) -> None:
    """Not where its page is being deleted, and the restriction with it: the page's words have gone already."""
    if (origin.model if isinstance(origin, QuerySet) else type(origin)) is PageViewRestriction:
        index_below(instance.page)


@receiver(m2m_changed, sender=PageViewRestriction.groups.through)
def index_for_whom_it_is(instance: Any, action: str, **kwargs: Any) -> None:
    """The groups are written after the restriction itself; which they are tells a case study's teaser."""
    if action.startswith("post_") and isinstance(instance, PageViewRestriction):
        index_below(instance.page)


@receiver(post_page_move)
def index_moved(instance: Page, parent_page_before: Page, parent_page_after: Page, **kwargs: Any) -> None:
    """The page above it may be private."""
    if parent_page_before.pk != parent_page_after.pk:
        index_below(instance)


@receiver(post_migrate, sender=apps.get_app_config("cms"))
def prepare_installation(**kwargs: Any) -> None:
    ensure_site()
