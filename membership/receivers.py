"""Signals: a changed choice takes the audience away; a confirmed address confirms membership."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.apps import apps
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest

from cms.addresses import address_hash
from cms.mail import writing_to_stranger
from membership import services, sessions
from membership.joining import lift_suppression
from membership.models import Member, SavedSearch, Subscription, Suppression, User
from membership.renaming import FACETS, rename_term
from membership.staff import ensure_staff_groups


@receiver(writing_to_stranger)
def may_be_written_to(address: str, **kwargs: Any) -> bool:
    """Strangers on the suppression list are left alone, whichever room writes."""
    return not Suppression.objects.filter(address_hash=address_hash(address)).exists()


@receiver(m2m_changed, sender=Member.sectors.through)
def sectors_changed(instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **kwargs: Any) -> None:
    if action not in {"post_add", "post_remove", "post_clear", "pre_clear"}:
        return
    if not reverse:
        Subscription.objects.filter(member=instance).update(audience=None)
    elif pk_set:
        Subscription.objects.filter(member__in=pk_set).update(audience=None)
    elif action == "pre_clear":
        Subscription.objects.filter(member__sectors=instance).update(audience=None)


@receiver(post_save, sender=Member)
def region_changed(instance: Member, created: bool, **kwargs: Any) -> None:
    if not created:
        Subscription.objects.filter(member=instance).update(audience=None)


@receiver(post_save, sender=Subscription)
def kinds_changed(instance: Subscription, created: bool, update_fields: Any, **kwargs: Any) -> None:
    if not created and (update_fields is None or {"kinds", "frequency"} & set(update_fields)):
        Subscription.objects.filter(pk=instance.pk).update(audience=None)


@receiver([post_save, post_delete], sender=SavedSearch)
def search_changed(instance: SavedSearch, **kwargs: Any) -> None:
    Subscription.objects.filter(member=instance.member_id).update(audience=None)


@receiver(email_confirmed)
def address_confirmed(email_address: EmailAddress, **kwargs: Any) -> None:
    """Whoever proves their address to allauth (by its link or a login code) has confirmed what they asked for."""
    pending = Subscription.objects.filter(member__user=email_address.user, state=Subscription.State.PENDING).first()
    if pending:
        services.confirm(subscription=pending)
    lift_suppression(User.objects.get(pk=email_address.user_id))


@receiver(user_logged_in)
def login_began(request: HttpRequest, **kwargs: Any) -> None:
    sessions.mark(request.session)


@receiver(post_migrate, sender=apps.get_app_config("membership"))
def prepare_installation(**kwargs: Any) -> None:
    ensure_staff_groups()


def remember_slug(instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Note under which slug a term was known until now."""
    known = type(instance).objects.filter(pk=instance.pk).values_list("slug", flat=True)
    instance.known_as = None if raw or not instance.pk else known.first()


def follow_slug(instance: Any, **kwargs: Any) -> None:
    if instance.known_as and instance.known_as != instance.slug:
        rename_term(facet=FACETS[type(instance)], old=instance.known_as, new=instance.slug)


for taxonomy in FACETS:
    pre_save.connect(remember_slug, sender=taxonomy)
    post_save.connect(follow_slug, sender=taxonomy)
