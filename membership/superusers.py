"""Administrators manage accounts, and stay below superusers: Wagtail's own forms would let them make one (ADR 15)."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from membership.models import User

REFUSED = "Only a superuser can make, change or remove a superuser."


def guard_account(request: HttpRequest, user: User | None = None) -> HttpResponse | None:
    """Refuse to make a superuser, and to touch one; nothing for everything else, and for superusers themselves."""
    return guard(request, [user] if user else [], raised="is_superuser" in request.POST)


def guard_bulk(request: HttpRequest, action: str, objects: Iterable[Any], view: Any) -> HttpResponse | None:
    return guard(request, [one for one in objects if isinstance(one, User)])


def guard(request: HttpRequest, users: list[User], *, raised: bool = False) -> HttpResponse | None:
    """Return the way back to the list of accounts, with a sentence that says why; None to go on."""
    if getattr(request.user, "is_superuser", False) or not (raised or any(one.is_superuser for one in users)):
        return None
    messages.error(request, REFUSED)
    return redirect(reverse("wagtailusers_users:index"))
