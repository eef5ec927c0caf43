"""The form at `/contact/`: anybody writes to the team, with or without an address to answer to."""

from django import forms

from cms.submission_fields import Address, LeftEmpty, Line, Text


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
    website = LeftEmpty()
