"""`/still-correct/<token>/`: where the contact of an entry says whether it is still right."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cms import assuring
from cms.assuring import Answer


class ChangedForm(forms.Form):
    text = forms.CharField(
        max_length=2000,
        label="What has changed?",
        help_text="Please name no child or family.",
        error_messages={"required": "Say in a few words what has changed, and press the button again."},
        widget=forms.Textarea(attrs={"rows": 5}),
    )


@csrf_exempt  # the link is the proof: without a cookie there is nothing another site could borrow
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def still_correct(request: HttpRequest, token: str) -> HttpResponse:
    """A GET changes nothing, because mail scanners follow links; the buttons answer. Other links get a 404."""
    asked = assuring.find(token)
    if not asked:
        return _page(request, "cms/assure_unknown.html", {}, status=404)
    entry = asked.entry.specific
    choice = request.POST.get("answer", "")
    form = ChangedForm(request.POST if choice == Answer.CHANGED else None)
    if choice in Answer.values and (choice != Answer.CHANGED or form.is_valid()):
        text = form.cleaned_data["text"] if choice == Answer.CHANGED else ""
        assuring.answer(asked=asked, choice=choice, text=text)
        return _page(request, "cms/assure_done.html", {"entry": entry, "choice": choice})
    facts = [(label, value) for label, value in entry.facts() if value]
    context = {"entry": entry, "facts": facts, "form": form, "asked": asked}
    return _page(request, "cms/assure.html", context, status=400 if form.errors else 200)


def _page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, template, {"team_email": settings.TEAM_EMAIL, **context}, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response


urlpatterns = [path("still-correct/<str:token>/", still_correct, name="still_correct")]
