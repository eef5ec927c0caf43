"""Saving entries and searches: small forms on other pages, which work without JavaScript and lead back."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from cms.models import Entry
from cms.open_data import open_entries
from membership import saving
from membership.models import Member


@login_required
@require_http_methods(["GET", "POST"])
def entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Save or unsave an entry. A GET (whoever had to log in first) only leads to the entry."""
    member = own_member(request)
    from_account = request.POST.get("from") == "account"
    page = open_entries().filter(pk=entry_id).first()
    if request.method == "POST" and member and request.POST.get("act") == "unsave":
        # Also an entry that has been taken off the website in the meantime.
        if saving.forget_entry(member=member, entry=entry_id):
            messages.success(request, "It is no longer among your saved entries.")
        return redirect(reverse("account") + "#saved" if from_account or not page else _address(request, page))
    page = page or get_object_or_404(open_entries(), pk=entry_id)
    if request.method == "POST" and member:
        try:
            saving.save_entry(member=member, entry=page)
        except saving.SavingError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "Saved: you find it on your account page.")
    return redirect(_address(request, page))


@login_required
@require_http_methods(["GET", "POST"])
def new_search(request: HttpRequest) -> HttpResponse:
    """Keep the search whose address the directory's form sends along."""
    member = own_member(request)
    address = str(request.POST.get("search", ""))
    if request.method != "POST" or not member:
        return redirect("account")
    try:
        saving.save_search(member=member, address=address, in_news="in_news" in request.POST)
    except saving.SavingError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Saved: you find this search on your account page.")
    return redirect(f"/directory/?{saving.understand(address).canonical}")


@login_required
@require_POST
def search(request: HttpRequest, search_id: int) -> HttpResponse:
    """Switch a saved search's part in the e-news on or off, or delete it."""
    member = own_member(request)
    act = request.POST.get("act")
    if not member:
        return redirect("account")
    try:
        if act == "delete" and saving.delete_search(member=member, search=search_id):
            messages.success(request, "The search is deleted.")
        elif act in {"on", "off"} and saving.switch_search(member=member, search=search_id, in_news=act == "on"):
            words = "is added to" if act == "on" else "is no longer added to"
            messages.success(request, f"What this search finds {words} your e-news.")
    except saving.SavingError as error:
        messages.error(request, str(error))
    return redirect(reverse("account") + "#searches")


def own_member(request: HttpRequest) -> Member | None:
    """The member who is logged in; staff need not be one."""
    return Member.objects.filter(user=request.user.pk).first()


def _address(request: HttpRequest, page: Entry) -> str:
    return str(page.get_url(request) or "/directory/")
