"""Signals and a hook that keep the documents of case studies with their members."""

from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models.signals import post_migrate, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest
from wagtail import hooks
from wagtail.documents.models import Document
from wagtail.models import BaseViewRestriction, Revision

from cms.models import CaseStudy
from cms.private_files import documents_of, ensure_members_collection, keep_private, obstacle, used_by_case_studies

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
    if not created and not raw and used_by_case_studies(instance.pk):
        keep_private([instance.pk])


@receiver(post_migrate, sender=apps.get_app_config("cms"))
def prepare_collection(**kwargs: Any) -> None:
    ensure_members_collection()


@hooks.register("before_serve_document", order=-10)
def refuse_who_is_logged_in_but_not_allowed(document: Document, request: HttpRequest) -> None:
    """Say so plainly: Wagtail would send them to log in, and the login page would send them back, for ever."""
    if request.user.is_authenticated and not all(
        restriction.accept_request(request)
        for restriction in document.collection.get_view_restrictions()
        if restriction.restriction_type in ABOUT_PEOPLE
    ):
        raise PermissionDenied
