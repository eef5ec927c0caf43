"""The page on which somebody sees where they are logged in, and logs out there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from membership.models import User
from membership.sessions import end_logins, logins_of


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    current = request.session.session_key or ""
    if request.method == "POST":
        act = request.POST.get("act", "")
        handle = request.POST.get("login", "")
        ended = end_logins(request.user, current=current, handle=handle) if handle or act == "others" else 0
        messages.success(request, "Logged out there." if ended else "There was nothing to log out.")
        return redirect("sessions")
    context = {"logins": logins_of(request.user), "current": current}
    return render(request, "account/sessions.html", context)
