"""Importing members in three steps: choose a file, say what its columns are, look at what would happen; then do it.

Between the steps what was read waits in `uploads.py`, and the session holds its name, never an address.
"""

from time import monotonic
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import cached_property
from wagtail.log_actions import log

from cms.models import Sector
from membership import importing, spreadsheets, staff, timeline, uploads
from membership.columns import FIELDS, REQUIRED, guess_columns
from membership.desk.pages import StaffPage, log_subject

KEY = "member_import"
SECONDS_AT_A_TIME = 8  # of work in one request: far below the web server's limit
SHOWN_PROBLEMS = 200
SHOWN_ROWS = 3


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File",
        help_text=f"CSV or XLSX with the names of the columns in its first row; at most "
        f"{spreadsheets.MAX_ROWS:,} rows and {spreadsheets.MAX_BYTES // 1024 // 1024} MB.",
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,text/csv"}),
    )

    def clean_file(self) -> spreadsheets.Sheet:
        """Read the whole file once, so that what cannot be used is refused here."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > spreadsheets.MAX_BYTES:
            raise forms.ValidationError(f"This file is larger than {spreadsheets.MAX_BYTES // 1024 // 1024} MB.")
        try:
            return spreadsheets.read(file.read())
        except spreadsheets.FileError as error:
            raise forms.ValidationError(str(error)) from error


class ColumnsForm(forms.Form):
    """One choice for each of our fields: the column of the file it is in."""

    def __init__(self, headers: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(place), header or f"Column {place + 1}") for place, header in enumerate(headers)]
        for name, (label, _) in FIELDS.items():
            required = name == REQUIRED
            self.fields[name] = forms.ChoiceField(
                choices=[("", "Choose a column" if required else "Not in this file"), *named],
                required=required,
                label=label,
            )
        self.fields["default_sectors"] = forms.ModelMultipleChoiceField(
            Sector.objects.all(),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            label="Sectors of rows that name none",
            help_text="Without a choice here, such rows are left out.",
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        chosen = [data[name] for name in FIELDS if data.get(name)]
        if len(chosen) != len(set(chosen)):
            raise forms.ValidationError("One column cannot be two things.")
        return data

    @property
    def columns(self) -> dict[str, int]:
        return {name: int(self.cleaned_data[name]) for name in FIELDS if self.cleaned_data[name]}


class ImportPage(StaffPage):
    """What the steps share: the permission, and the way back to the first when there is no file."""

    permission = staff.IMPORT
    header_icon = "upload"
    page_title = "Import members"
    step = 1
    steps = ("File", "Columns", "Check", "Import")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.step > 1 and staff.may(request.user, self.permission) and not self._has_what_it_needs():
            messages.warning(request, "Please choose the file once more.")
            return redirect("members:import")
        return super().dispatch(request, *args, **kwargs)

    def _has_what_it_needs(self) -> bool:
        return bool(self.content) and (self.step == 2 or "columns" in self.state)

    @property
    def state(self) -> dict[str, Any]:
        return self.request.session.get(KEY, {})

    def keep_state(self, **values: Any) -> None:
        self.request.session[KEY] = {**self.state, **values}

    @cached_property
    def content(self) -> bytes | None:
        return uploads.fetch(self.state["token"]) if "token" in self.state else None

    @cached_property
    def sheet(self) -> spreadsheets.Sheet:
        return spreadsheets.Sheet.load(self.content or b"")

    @cached_property
    def plan(self) -> importing.Plan:
        sectors = Sector.objects.filter(pk__in=self.state["sectors"])
        return importing.plan(self.sheet, self.state["columns"], default_sectors=sectors)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(step=self.step, steps=list(enumerate(self.steps, start=1)), **kwargs)


class UploadPage(ImportPage):
    template_name = "membership/desk/import_file.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"form": UploadForm(), "fields": FIELDS, **kwargs})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=400)
        if "token" in self.state:
            uploads.discard(self.state["token"])
        request.session[KEY] = {"token": uploads.keep(form.cleaned_data["file"].dump())}
        return redirect("members:import_columns")


class ColumnsPage(ImportPage):
    template_name = "membership/desk/import_columns.html"
    step = 2

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        guessed = {name: str(place) for name, place in guess_columns(self.sheet.headers).items()}
        return super().get_context_data(
            **{
                "form": ColumnsForm(self.sheet.headers, initial=guessed),
                "headers": self.sheet.headers,
                "rows": self.sheet.rows[:SHOWN_ROWS],
                "total": len(self.sheet.rows),
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = ColumnsForm(self.sheet.headers, request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=400)
        sectors = [sector.pk for sector in form.cleaned_data["default_sectors"]]
        self.keep_state(columns=form.columns, sectors=sectors)
        return redirect("members:import_check")


class CheckPage(ImportPage):
    """The dry run: nothing has been changed yet."""

    template_name = "membership/desk/import_check.html"
    step = 3

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        counts = self.plan.counts
        return super().get_context_data(
            outcomes=[(outcome.label, counts[outcome.value]) for outcome in importing.Outcome],
            ready=counts[importing.Outcome.READY],
            problems=self.plan.problems[:SHOWN_PROBLEMS],
            more=max(0, len(self.plan.problems) - SHOWN_PROBLEMS),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        total = self.plan.counts[importing.Outcome.READY]
        self.keep_state(after=0, imported=0, total=total, finished=False, trouble="")
        return redirect("members:import_run")


class RunPage(ImportPage):
    """Each POST imports for a few seconds; the page posts again by itself, or by its button, until all is done."""

    template_name = "membership/desk/import_run.html"
    step = 4

    def _has_what_it_needs(self) -> bool:
        return self.state.get("finished", False) or ("total" in self.state and super()._has_what_it_needs())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {name: self.state[name] for name in ("imported", "total", "finished", "trouble", "after")}
        return super().get_context_data(**shown, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.state["finished"]:
            return redirect("members:import_run")
        stop = monotonic() + SECONDS_AT_A_TIME
        done = importing.perform(self.plan.ready(after=self.state["after"]), go_on=lambda: monotonic() < stop)
        imported = self.state["imported"] + done.imported
        self.keep_state(
            after=max(done.last, self.state["after"]), imported=imported, finished=done.finished, trouble=done.trouble
        )
        if done.imported:
            data = {"count": done.imported, "up to row": done.last}
            log(instance=log_subject(), action=timeline.IMPORTED, title="Members", user=request.user, data=data)
        if done.finished:
            uploads.discard(self.state["token"])
        return redirect("members:import_run")
