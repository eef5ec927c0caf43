"""The form at `/contact/`: anybody writes to the team, with or without an address to answer to."""

from django import forms

from cms.submission_fields import Address, Line, Text


class ContactForm(forms.Form):
    name = Line(
        max_length=120,
        required=False,
        label="Your name (optional)",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = Address(
        required=False,
        label="Your e-mail address (optional)",
        help_text="If you would like an answer: without it we read what you write, but cannot reply.",
    )
    text = Text(
        max_length=4000,
        label="Your message",
        help_text="At most 4,000 characters. Please do not name any child or family.",
        error_messages={"required": "Write your message, and press the button again."},
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    # Programs fill in every field they find. People neither see it nor reach it with the keyboard.
    website = forms.CharField(
        required=False,
        label="Leave this field empty",
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )

    def clean_website(self) -> str:
        if self.cleaned_data["website"]:
            raise forms.ValidationError("Please empty this field and send the form again.")
        return ""
