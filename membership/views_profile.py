"""The page on which members correct who they are at work."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from membership import services
from membership.forms import ProfileForm
from membership.models import Member, User


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Name, organisation and job role. Sectors and region are among the preferences, the address has its own page."""
    assert isinstance(request.user, User)
    member = Member.objects.select_related("user").filter(user=request.user).first()
    if not member:
        return redirect("join")
    initial = {
        "first_name": member.user.first_name,
        "last_name": member.user.last_name,
        "organisation": member.organisation,
        "job_role": member.job_role,
    }
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.change_profile(member=member, **form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("account")
    return render(request, "membership/profile.html", {"form": form}, status=400 if form.errors else 200)
