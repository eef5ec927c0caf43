"""Forms about personal data: erasing it, and complaining about its use."""

from django import forms

from cms.submission_fields import LeftEmpty
from membership.fields import AddressField

WORD = "erase"


class EraseForm(forms.Form):
    word = forms.CharField(
        max_length=20,
        label=f"Type “{WORD}” to confirm",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def clean_word(self) -> str:
        word: str = self.cleaned_data["word"]
        if word.strip().lower() != WORD:
            raise forms.ValidationError(f"Type the word “{WORD}”, without quotation marks, and press the button again.")
        return word


class ComplaintForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        required=False,
        label="Your name (optional)",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = AddressField(label="Your e-mail address", help_text="We answer there, and send you a reference at once.")
    text = forms.CharField(
        max_length=5000,
        label="What went wrong?",
        help_text="Please do not name any child or family.",
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    website = LeftEmpty()
