"""Complaints: a form for everybody, without a login."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from membership.complaining import complain
from membership.data_forms import ComplaintForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def complaints(request: HttpRequest) -> HttpResponse:
    """Answered by a page, not a redirect: sent twice, the form is the same complaint with the same reference."""
    form = ComplaintForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        complaint = complain(name=data["name"], email=data["email"], text=data["text"])
        return render(request, "membership/complaint_received.html", {"reference": complaint.reference})
    return render(request, "membership/complaint.html", {"form": form}, status=400 if form.errors else 200)
