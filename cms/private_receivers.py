"""Signals and a hook that keep the documents of case studies with their members."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models.signals import post_migrate, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from wagtail import hooks
from wagtail.documents.models import Document
from wagtail.models import BaseViewRestriction, Revision
from wagtail.wagtail_hooks import require_wagtail_login

from cms.groups import MEMBERS_GROUP
from cms.models import CaseStudy
from cms.private_files import (
    documents_of,
    ensure_members_collection,
    is_for_members,
    keep_private,
    obstacle,
    privacy_around,
    used_by_case_studies,
)

ABOUT_PEOPLE = {BaseViewRestriction.LOGIN, BaseViewRestriction.GROUPS}


@receiver(pre_save, sender=CaseStudy)
def refuse_public_documents(instance: CaseStudy, raw: bool, **kwargs: Any) -> None:
    """However it is published: never with a document that everybody can read."""
    if instance.live and not raw:
        reason = obstacle(documents_of(instance.document_id, instance.body))
        if reason:
            raise ValidationError({"document": reason})


@receiver(post_save, sender=CaseStudy)
def keep_documents_private(instance: CaseStudy, raw: bool, **kwargs: Any) -> None:
    if not raw:
        keep_private(documents_of(instance.document_id, instance.body))


@receiver(post_save, sender=Revision)
def keep_documents_of_drafts_private(instance: Revision, raw: bool, **kwargs: Any) -> None:
    """A draft of a case study is a revision: its documents can be asked for before it is published."""
    kind = instance.content_type
    if not raw and kind is not None and (kind.app_label, kind.model) == ("cms", "casestudy"):
        content: dict[str, Any] = instance.content
        keep_private(documents_of(content.get("document"), content.get("body") or ""))


@receiver(post_save, sender=Document)
def bring_back(instance: Document, created: bool, raw: bool, **kwargs: Any) -> None:
    """Somebody put a case study's document into another collection: it goes back."""
    if not created and not raw:
        keep_private(used_by_case_studies([instance.pk]))


@hooks.register("after_bulk_action")
def bring_back_together(request: HttpRequest, action_type: str, objects: Sequence[Any], action: Any) -> None:
    """“Add to collection” moves many at once, without a signal."""
    if action_type == "add_to_collection" and action.model is Document:
        keep_private(used_by_case_studies(document.pk for document in objects))


@receiver(post_migrate, sender=apps.get_app_config("cms"))
def prepare_collection(**kwargs: Any) -> None:
    ensure_members_collection()


@hooks.register("before_serve_document", order=-10)
def refuse_who_may_not_read(document: Document, request: HttpRequest) -> HttpResponse | None:
    """Keep what is for members from everybody else, whatever collection it lies in.

    Who is logged in is told plainly: Wagtail would send them to log in, and the login page would send them back, for
    ever.
    """
    about_people = document.collection.get_view_restrictions().filter(restriction_type__in=ABOUT_PEOPLE)
    restrictions = list(about_people.prefetch_related("groups"))
    accepted = all(restriction.accept_request(request) for restriction in restrictions)
    if not any(_asks_for_membership(restriction) for restriction in restrictions) and is_for_members(document.pk):
        accepted = accepted and _is_member(request.user)
        if not accepted and not request.user.is_authenticated:
            login: HttpResponse = require_wagtail_login(next=request.get_full_path())
            return login
    if not accepted and request.user.is_authenticated:
        raise PermissionDenied
    return refuse_who_may_read_no_page(document, request)


def refuse_who_may_read_no_page(document: Document, request: HttpRequest) -> HttpResponse | None:
    """A document all of whose pages are behind page privacy is for those who may read one of them."""
    around = privacy_around(document.pk)
    if not around or request.user.is_superuser:
        return None
    if any(all(one.accept_request(request) for one in asked) for asked in around):
        return None
    by_login = any(one.restriction_type in ABOUT_PEOPLE for asked in around for one in asked)
    if by_login and not request.user.is_authenticated:
        login: HttpResponse = require_wagtail_login(next=request.get_full_path())
        return login
    raise PermissionDenied  # the password is asked for on the page, whose address is not told


def _asks_for_membership(restriction: BaseViewRestriction) -> bool:
    """Then Wagtail itself asks, and lets in whoever else the editors named beside the members."""
    return restriction.restriction_type == BaseViewRestriction.GROUPS and any(
        group.name == MEMBERS_GROUP for group in restriction.groups.all()
    )


def _is_member(user: Any) -> bool:
    return user.is_superuser or user.groups.filter(name=MEMBERS_GROUP).exists()
