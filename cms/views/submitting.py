"""The form at `/submit/`, its confirmation and its thanks."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_safe

from cms import limits, submitting
from cms.models import Submission
from cms.submission_forms import FORMS, SubmissionForm

# Names of the kinds as people would offer them, with what belongs there.
OFFERS = [
    (
        "service",
        "A support service",
        "Local or national help for children and families, and how to reach it.",
    ),
    ("resource", "A resource", "A factsheet, toolkit, course, book or film that colleagues can use."),
    ("event", "An event", "A conference, seminar, training day or family day still to come."),
    ("case-study", "A case study of good practice", "What you tried and what changed. Only members read it."),
]
TOO_MANY = (
    "You have offered us several things in a short while. What you wrote is still below: wait a few minutes, "
    "then send it."
)
TITLES = {kind: title[0].lower() + title[1:] for kind, title, _ in OFFERS}
not_kept = cache_control(private=True, no_store=True)  # no `Expires`, so that two answers are the same to the byte


@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    return render(request, "cms/submit/choose.html", {"offers": OFFERS})


@not_kept
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, kind: str) -> HttpResponse:
    """The form of one kind. The answer is the same whatever we know of the address, and to programs."""
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST if request.method == "POST" else None)
    status = 200
    if form.is_valid():
        if form.by_a_program():
            return render(request, "cms/submit/sent.html")
        if limits.allow(request, "submit", form.cleaned_data["email"]):
            _submit(form)
            return render(request, "cms/submit/sent.html")
        form.add_error(None, TOO_MANY)  # on the form itself: nothing that was typed is lost
        status = 429
    elif form.errors:
        status = 400
    context = {"form": form, "kind": kind, "offered": TITLES[kind]}
    return render(request, "cms/submit/form.html", context, status=status)


def _submit(form: SubmissionForm) -> None:
    data = form.cleaned_data
    submitting.submit(
        kind=form.KIND.value,
        title=data["title"],
        words=form.words(),
        name=data["name"],
        email=data["email"],
        organisation=data["organisation"],
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A GET shows a button and changes nothing, because mail scanners follow links; the button confirms."""
    submission = submitting.find_by_token(token)
    if not submission:
        return render(request, "cms/submit/unknown.html", status=404)
    if request.method == "POST":
        submission = submitting.confirm(submission=submission)
    waits = submission.state == Submission.State.UNCONFIRMED
    template = "cms/submit/confirm.html" if waits else "cms/submit/received.html"
    return render(request, template, {"submission": submission})


urlpatterns = [
    path("submit/", choose, name="submit"),
    path("submit/confirm/<str:token>/", confirm, name="submit_confirm"),
    path("submit/<slug:kind>/", offer, name="submit_kind"),
]
