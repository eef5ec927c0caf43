"""The two forms of the signposting page: what the adviser looks for, and what is said about and to the enquirer."""

import unicodedata
from typing import Any

from django import forms

from cms.addresses import normalise_address
from cms.directory import MAX_QUERY
from cms.models import Kind, Region, Sector, Topic

MAX_NOTE = 1000
NO_ADDRESS = "Write the enquirer’s e-mail address, or print the list instead."
NOT_TO_BE_MAILED = "This address must not be mailed. Print the list, or read it out instead."


class NoteField(forms.CharField):
    """Several lines of plain words: no control characters, none that turn the direction of text."""

    def to_python(self, value: Any) -> str:
        text = str(value or "").replace("\r\n", "\n").replace("\r", "\n")
        return "".join(
            letter for letter in text if letter == "\n" or unicodedata.category(letter) not in {"Cc", "Cf", "Zl", "Zp"}
        ).strip()


class SearchForm(forms.Form):
    """Words and three facets, named as the directory's own addresses name them (`cms.directory`)."""

    q = forms.CharField(
        label="Words", required=False, max_length=MAX_QUERY, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    kind = forms.ChoiceField(label="Kind", required=False, choices=[("", "Any"), *Kind.choices])
    region = forms.ModelChoiceField(
        Region.objects.all(), label="Region", required=False, empty_label="Any", to_field_name="slug"
    )
    sector = forms.ModelChoiceField(
        Sector.objects.all(), label="Sector", required=False, empty_label="Any", to_field_name="slug"
    )


class EnquiryForm(forms.Form):
    """What is counted about the enquiry, and what goes into the mail and is kept nowhere."""

    for_sector = forms.ModelChoiceField(
        Sector.objects.all(), label="Their sector", required=False, empty_label="Not known"
    )
    for_region = forms.ModelChoiceField(
        Region.objects.all(), label="Their region", required=False, empty_label="Not known, or several"
    )
    topics = forms.ModelMultipleChoiceField(
        Topic.objects.all(), label="What it was about", required=False, widget=forms.CheckboxSelectMultiple
    )
    note = NoteField(
        label="Note to the enquirer",
        required=False,
        max_length=MAX_NOTE,
        help_text="Optional. It stands at the top of the mail and is not kept. Nothing about the family, please.",
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off"}),
    )
    address = forms.CharField(
        label="Enquirer’s e-mail address",
        required=False,
        max_length=320,
        help_text="One address, used for this mail only and not kept. Leave it empty if you print or read out.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "type": "text", "inputmode": "email", "spellcheck": "false"}
        ),
    )

    def clean_address(self) -> str:
        if not self.cleaned_data["address"]:
            return ""
        try:
            return normalise_address(self.cleaned_data["address"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
