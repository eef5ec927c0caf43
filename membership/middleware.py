"""Staff come into the admin with a second step only (quality.md 18, ADR 10)."""

from collections.abc import Callable

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from membership.models import User

SECOND_STEPS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class StaffMFAMiddleware:
    """Leads staff who ask for an admin page to the second step: to set it up, or to show it in this session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.STAFF_MFA_REQUIRED and request.path_info.startswith(reverse("wagtailadmin_home")):
            detour = self.detour(request)
            if detour:
                return detour
        return self.get_response(request)

    def detour(self, request: HttpRequest) -> HttpResponse | None:
        user = request.user
        if not is_staff(user):
            return None
        if not is_mfa_enabled(user, SECOND_STEPS):
            messages.info(request, "Set up a second step first: the editors’ area is open only to those who have one.")
            return redirect("mfa_index")
        if any(record.get("method") == "mfa" for record in get_authentication_records(request, user)):
            return None
        # Logged in before the second step was set up, or elsewhere: show it once in this session.
        page = (
            "mfa_reauthenticate" if is_mfa_enabled(user, [Authenticator.Type.TOTP]) else "mfa_reauthenticate_webauthn"
        )
        return redirect(f"{reverse(page)}?{urlencode({'next': request.get_full_path()})}")


def is_staff(user: User | AnonymousUser) -> bool:
    """Whether somebody may see the admin, by whatever right."""
    return bool(
        user.is_authenticated and (user.is_staff or user.is_superuser or user.has_perm("wagtailadmin.access_admin"))
    )
