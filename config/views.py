"""The one way in: whoever asks for the admin's own login form is sent to everybody's."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


def log_in(request: HttpRequest) -> HttpResponse:
    """Lead to the one login page, which knows e-mailed codes and MFA (quality.md 18).

    Wagtail also sends people here who are logged in but have no business in the admin: sending them on would send
    them round in circles, so they are refused.
    """
    if request.user.is_authenticated:
        raise PermissionDenied
    query = request.META.get("QUERY_STRING", "")
    return redirect(reverse("account_login") + (f"?{query}" if query else ""))
