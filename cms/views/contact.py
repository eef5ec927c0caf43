"""`/contact/`: how to reach the team, and a form; `?entry=<id>` is about one entry that is out of date."""

from allauth.core import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from cms import limits
from cms.contact_forms import ContactForm
from cms.contacting import entry_in_question, send_message


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Answered by a page, not a redirect: sent twice, the form is the same message with the same reference."""
    entry = entry_in_question(request.GET.get("entry", ""))
    form = ContactForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_valid():
        data = form.cleaned_data
        if allowed(request, data["email"]):
            message = send_message(name=data["name"], email=data["email"], text=data["text"], entry=entry)
            context = {"reference": message.reference, "email": data["email"], "entry": entry}
            return render(request, "cms/contact_done.html", context)
        form.add_error(None, _too_many(data["email"]))
        status = 429
    elif form.errors:
        status = 400
    context = {"form": form, "entry": entry, "postal_address": settings.POSTAL_ADDRESS.split(", ")}
    return render(request, "cms/contact.html", context, status=status)


def allowed(request: HttpRequest, email: str) -> bool:
    """Whether one more message is taken: by address, or by place where there is none (ADR 19 says why)."""
    if email:
        return limits.allow(request, "contact", email)
    return bool(ratelimit.consume(request, action="contact_here", key=limits.key_here(request, "")))


def _too_many(email: str) -> str:
    if email:
        return "You have written to us several times in a short while: wait a few minutes, or ring the helpline."
    return (
        "Several messages without an e-mail address came from your network just now: "
        "give your address below, wait a few minutes, or ring the helpline."
    )


urlpatterns = [path("contact/", contact, name="contact")]
