"""See as a reader: the mail as any audience or member gets it, and sending it to colleagues as a test."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from cms import limits
from membership.staff import ADDRESSES, VIEW, may
from newsletter import inbox
from newsletter.compiling import IssueError
from newsletter.desk.access import issue_context, staff, visible_issue
from newsletter.desk.frames import DARK, LIGHT, SANDBOX, framed
from newsletter.desk.readers import VERSIONS, MemberForm, ReaderForm, asks, chosen_by, query
from newsletter.models import Issue
from newsletter.rehearsing import MOST, Rehearsal, rehearse, staff_groups
from newsletter.rendering import RenderError
from newsletter.skeletons import Workshop

# What can be switched on the page: name of the parameter, its label, and its values, the usual one first.
SWITCHES = {
    "view": ("Show", {"email": "E-mail", "text": "Plain text", "inbox": "Inbox"}),
    "width": ("Width", {"desktop": "Computer", "phone": "Phone"}),
    "scheme": ("Colours", {LIGHT: "Light", DARK: "Dark", "both": "Both"}),
    "images": ("Images", {"on": "Shown", "off": "Hidden"}),
}
OF_FRAME = ("width", "scheme", "images")  # make no difference to plain text and inboxes


class TestForm(forms.Form):
    """To whom a test is sent."""

    group = forms.ModelChoiceField(
        Group.objects.none(), required=False, empty_label="Only me", label="To", help_text=f"At most {MOST} people."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].queryset = staff_groups()  # type: ignore[attr-defined]


@require_safe
def reader(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The mail of one reader, whether there is one, and the forms beside it."""
    issue = visible_issue(request, issue_id)
    chosen = chosen_by(request, issue)
    editions = chosen.editions(issue)
    reading, shown = chosen.reading(editions), _shown(request.GET)
    context = issue_context(request, issue, "newsletter_reader", "See as a reader")
    context |= {
        "chosen": chosen,
        "reading": reading,
        "version": VERSIONS[chosen.version],
        "versions": [(VERSIONS[one], _url(issue, request.GET, version=one)) for one in chosen.versions[1:]],
        "shown": shown,
        "switches": list(_switches(issue, request.GET, shown)),
        "frames": list(_frames(issue, request.GET, shown)),
        "sandbox": SANDBOX,
        "sender": Workshop(issue).sender,
        "who": query(request.GET).urlencode(),
        "form": ReaderForm(request.GET if asks(request.GET) else None),
        "test_form": TestForm(),
        "may_view_members": may(request.user, VIEW),
        "member_form": MemberForm(by_address=may(request.user, ADDRESSES)),
    }
    if reading.rendered:
        context["rows"] = list(inbox.rows(reading.rendered, context["sender"]))
    return render(request, "newsletter/admin/reader.html", context)


@require_safe
def frame(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The e-mail alone, for the frame on the page. Raises Http404 when this reader gets none."""
    issue = visible_issue(request, issue_id)
    chosen = chosen_by(request, issue)
    reading = chosen.reading(chosen.editions(issue))
    if not reading.rendered:
        raise Http404
    shown = _shown(request.GET)
    scheme = DARK if shown["scheme"] == DARK else LIGHT
    return framed(reading.rendered.html, scheme=scheme, images=shown["images"] == "on")


@sensitive_post_parameters("who")
@require_POST
def find_reader(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Look a member up and lead to the page as they read it."""
    issue = visible_issue(request, issue_id)
    if not may(request.user, VIEW):
        raise PermissionDenied
    form = MemberForm(request.POST, by_address=may(request.user, ADDRESSES))
    member = form.find() if form.is_valid() else None
    if not member:
        messages.error(request, "No member was found: check the number or address.")
        return redirect("newsletter_reader", issue.pk)
    return redirect(_url(issue, QueryDict(), member=str(member.pk)))


@require_POST
def test(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Send what the page shows to oneself or to colleagues."""
    issue = visible_issue(request, issue_id)
    chosen = chosen_by(request, issue)
    form = TestForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the groups in the list.")
    elif not limits.allow(request, "test_send", staff(request).email):
        messages.error(request, "You have sent ten tests within an hour: try again later.")
    else:
        audience = chosen.audience_now()
        try:
            result = rehearse(chosen.editions(issue), audience, by=staff(request), group=form.cleaned_data["group"])
        except (IssueError, RenderError) as error:
            messages.error(request, str(error))
        else:
            _say(request, result)
    return redirect(_url(issue, request.GET))


def _say(request: HttpRequest, result: Rehearsal) -> None:
    people = "1 person" if result.sent == 1 else f"{result.sent} people"
    if result.sent:
        messages.success(request, f"Test sent to {people}. Nothing was sent to members.")
    if result.suppressed:
        messages.warning(request, f"{result.suppressed} not mailed: the address is on the suppression list.")
    if result.trouble:
        messages.error(request, f"{result.trouble} {people if result.sent else 'Nobody'} got the test.")


def _shown(asked: QueryDict) -> dict[str, str]:
    return {
        name: value if (value := asked.get(name, "")) in values else next(iter(values))
        for name, (_, values) in SWITCHES.items()
    }


def _url(issue: Issue, asked: QueryDict, name: str = "newsletter_reader", **changes: str) -> str:
    words = query(asked, **changes).urlencode()
    return reverse(name, args=[issue.pk]) + (f"?{words}" if words else "")


def _switches(
    issue: Issue, asked: QueryDict, shown: dict[str, str]
) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
    """Each switch as label and links: text, address, whether it is what is shown."""
    for name, (label, values) in SWITCHES.items():
        if name in OF_FRAME and shown["view"] != "email":
            continue
        yield (
            label,
            [
                (text, f"{_url(issue, asked, **{**shown, name: value})}#mail", value == shown[name])
                for value, text in values.items()
            ],
        )


def _frames(issue: Issue, asked: QueryDict, shown: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """The frames on the page: the title and address of each."""
    schemes = (LIGHT, DARK) if shown["scheme"] == "both" else (shown["scheme"],)
    for scheme in schemes:
        address = _url(issue, asked, "newsletter_reader_frame", scheme=scheme, images=shown["images"])
        yield f"The e-mail in {scheme} colours", address, scheme


urlpatterns = [
    path("<int:issue_id>/reader/", reader, name="newsletter_reader"),
    path("<int:issue_id>/reader/frame/", frame, name="newsletter_reader_frame"),
    path("<int:issue_id>/reader/find/", find_reader, name="newsletter_find_reader"),
    path("<int:issue_id>/reader/test/", test, name="newsletter_test"),
]
