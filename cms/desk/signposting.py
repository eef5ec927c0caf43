"""Where a helpline adviser picks entries for an enquirer, and mails or prints them.

Everything is one form, so that what was typed survives each search and each change of the list without JavaScript and
without being kept anywhere.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from cms.desk.pages import HubPage
from cms.directory import Results, search_directory
from cms.limits import allow
from cms.models import Entry
from cms.permissions import SIGNPOST
from cms.shortlist import MOST, Shortlist
from cms.signposting import SUBJECT, AlreadyAnswered, Letter, ListChanged, answer, compose
from cms.signposting_forms import NO_ADDRESS, NOT_TO_BE_MAILED, EnquiryForm, SearchForm

SENT = "The mail is on its way, and the enquiry is counted. The list is empty for the next one."
DONE_ALREADY = "That list had been answered already: nothing was sent or counted again."
CHANGED = "The list has changed since this page was opened. Check it, then send or print it again."
EMPTY = "Add at least one entry to the list first."
TOO_MANY = "You have sent many mails within the hour. Print the list, or send it later."
GONE = "That entry has just been taken down, so it was not added."
FULL = f"The list holds {MOST} entries, which is the most. Take one off to add another."


@method_decorator([never_cache, sensitive_post_parameters("note", "address")], name="dispatch")
class SignpostingPage(HubPage):
    """GET begins or goes on; POST does what the pressed button says (`act`), and shows the page again."""

    permission = SIGNPOST
    template_name = "cms/desk/signposting.html"
    page_title = "Signposting"
    header_icon = "redirect"
    http_method_names = ["get", "head", "post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        act, _, value = request.POST.get("act", "search").partition(":")
        if act in {"send", "print", "preview"}:
            return self._finish(act)
        if act in {"add", "remove", "up", "down"}:
            return self._change(act, int(value) if value.isdecimal() and len(value) < 10 else 0)
        number = value if act == "page" else "1"
        return self._show(results=self._search(number), focus="found")

    def _change(self, act: str, pk: int) -> HttpResponse:
        """Change the list. The focus stays by the entry that was pressed, in the results or in the list."""
        shortlist = Shortlist(self.request.session)
        said, focus = "", f"picked-{pk}"
        if act == "add":
            added = shortlist.add(pk)
            said = "" if added else FULL if shortlist.full else GONE
            focus = f"found-{pk}" if added else "said"
        elif act == "remove":
            shortlist.remove(pk)
            focus = "list"
        else:
            shortlist.move(pk, -1 if act == "up" else 1)
        return self._show(focus=focus, said=said, act=act)

    def _finish(self, act: str) -> HttpResponse:
        """Show, send or print. What is wrong is said at its field, and nothing that was typed is lost."""
        shortlist, form = Shortlist(self.request.session), EnquiryForm(self.request.POST)
        key = self.request.POST.get("key", "")
        if key and key == shortlist.answered:
            messages.info(self.request, DONE_ALREADY)
            return redirect("hub_signposting")
        valid = form.is_valid()
        if act == "send" and valid and not form.cleaned_data["address"]:
            form.add_error("address", NO_ADDRESS)
        entries = shortlist.entries() if form.is_valid() else []
        if form.is_valid() and not entries:
            form.add_error(None, EMPTY)
        if form.is_valid() and key != shortlist.key:
            form.add_error(None, CHANGED)
        if not form.is_valid():
            return self._show(form=form, focus="problems", status=400)
        if act == "preview":
            return self._show(
                form=form, focus="preview", letter=compose(entries=entries, note=form.cleaned_data["note"])
            )
        return self._answer(form, key, by_mail=act == "send")

    def _answer(self, form: EnquiryForm, key: str, *, by_mail: bool) -> HttpResponse:
        if by_mail and not allow(self.request, "signpost", f"adviser {self.request.user.pk}"):
            form.add_error(None, TOO_MANY)
            return self._show(form=form, focus="problems", status=429)
        filled = form.cleaned_data
        try:
            letter = answer(
                session=self.request.session,
                key=key,
                adviser_id=self.request.user.pk,
                sector=filled["for_sector"],
                region=filled["for_region"],
                topics=filled["topics"],
                note=filled["note"],
                address=filled["address"] if by_mail else "",
            )
        except PermissionError:
            form.add_error("address", NOT_TO_BE_MAILED)
        except ListChanged:
            form.add_error(None, CHANGED)
        except AlreadyAnswered:
            messages.info(self.request, DONE_ALREADY)
            return redirect("hub_signposting")
        else:
            if by_mail:
                messages.success(self.request, SENT)
                return redirect("hub_signposting")
            return render(self.request, "cms/desk/signposting_print.html", {"letter": letter})
        return self._show(form=form, focus="problems", status=400)

    def _search(self, number: str) -> Results:
        """The directory's own search, with the words of our form and nothing else of it."""
        asked = {name: self.request.POST.get(name, "") for name in ("q", "kind", "region", "sector")}
        return search_directory(QueryDict(urlencode({**asked, "page": number})))

    def _show(self, *, form: EnquiryForm | None = None, status: int = 200, **context: Any) -> HttpResponse:
        typed = self.request.POST
        if typed.get("searched") and "results" not in context:
            context["results"] = self._search(typed.get("page", "1"))
        form = form or EnquiryForm(initial={**typed.dict(), "topics": typed.getlist("topics")})
        search = SearchForm(initial=typed.dict())
        return self.render_to_response(self.get_context_data(form=form, search=search, **context), status=status)

    def get_context_data(
        self, *, letter: Letter | None = None, results: Results | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        shortlist = Shortlist(self.request.session)
        entries: list[Entry] = shortlist.entries()
        context = {
            "form": EnquiryForm(),
            "search": SearchForm(),
            "results": results,
            "letter": letter,
            "entries": entries,
            "picked": {entry.pk for entry in entries},
            "shortlist": shortlist,
            "most": MOST,
            "subject": SUBJECT,
            **kwargs,
        }
        return super().get_context_data(**context)


urlpatterns: list[URLPattern] = [path("signposting/", SignpostingPage.as_view(), name="hub_signposting")]
