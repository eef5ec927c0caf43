"""Form fields for what strangers type: each gives back plain text without anything that could deceive."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator, URLValidator
from django.db.models import Model

from cms.addresses import normalise_address
from cms.plain_text import many_lines, one_line

SAYS = {
    "max_length": "Shorten this to %(limit_value)d characters: it has %(show_value)d.",
    "null_characters_not_allowed": "Type this again by hand: it holds a character that is no text.",
}
MISSING = "Fill this in."
NOT_LISTED = "Choose from what is listed."


class Line(forms.CharField):
    """One line of plain text, whatever was typed between its words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"strip": False, "error_messages": {"required": MISSING}, **kwargs})
        for validator in self.validators:
            if isinstance(validator, MaxLengthValidator | ProhibitNullCharactersValidator):
                validator.message = SAYS[validator.code]

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        if "\x00" in text:  # refused by a validator, with its own sentence
            return text
        return self.tidy(text)

    def tidy(self, text: str) -> str:
        return one_line(text)


class LeftEmpty(forms.CharField):
    """A field that people neither see nor reach with the keyboard: programs fill in every one they find."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"})
        super().__init__(**{"required": False, "label": "Leave this field empty", "widget": widget, **kwargs})

    def validate(self, value: str) -> None:
        super().validate(value)
        if value:
            raise ValidationError("Please empty this field and send the form again.")


class Text(Line):
    """Plain text of many lines."""

    def tidy(self, text: str) -> str:
        return many_lines(text)


class Link(Line):
    """An address on the web that begins with http:// or https://, and hides nobody's name before its host."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.URLInput(attrs={"autocomplete": "url", "placeholder": "https://"})
        super().__init__(**{"max_length": 200, "widget": widget, **kwargs})

    def tidy(self, text: str) -> str:
        text = one_line(text)
        return f"https://{text}" if text and "://" not in text and not text.startswith("//") else text

    def validate(self, value: str) -> None:
        super().validate(value)
        if not value:
            return
        try:
            URLValidator(schemes=["http", "https"])(value)
        except ValidationError as error:
            raise ValidationError("Enter a whole web address, such as https://www.example.org/guide.") from error
        if "@" in value.split("/")[2]:
            raise ValidationError("Take what stands before the @ out of the web address.")


class Address(Line):
    """An e-mail address in any spelling, cleaned to the one we keep."""

    def __init__(self, *, autocomplete: str = "email", **kwargs: Any) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": autocomplete})
        super().__init__(**{"max_length": 320, "widget": widget, **kwargs})

    def tidy(self, text: str) -> str:
        return text.strip()  # `normalise_address` refuses what does not belong

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            return normalise_address(text) if text else ""
        except ValueError as error:
            raise ValidationError(str(error)) from error


class Terms(forms.ModelMultipleChoiceField):
    """Any words of one taxonomy; none means everybody."""

    def __init__(self, model: type[Model], **kwargs: Any) -> None:
        self.model = model
        super().__init__(
            model._default_manager.all(),
            to_field_name="slug",
            required=False,
            widget=forms.CheckboxSelectMultiple,
            error_messages={"invalid_choice": NOT_LISTED, "invalid_pk_value": NOT_LISTED},
            **kwargs,
        )


class Choice(forms.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"error_messages": {"invalid_choice": NOT_LISTED}, **kwargs})


class Day(forms.DateField):
    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date", "placeholder": "yyyy-mm-dd"}, format="%Y-%m-%d")
        errors = {"invalid": "Enter a day such as 2027-03-25.", "required": "Enter the day."}
        super().__init__(
            **{"widget": widget, "input_formats": ["%Y-%m-%d", "%d/%m/%Y"], "error_messages": errors, **kwargs}
        )


class Time(forms.TimeField):
    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TimeInput(attrs={"type": "time", "placeholder": "hh:mm"}, format="%H:%M")
        errors = {"invalid": "Enter a time such as 14:30.", "required": "Enter the time."}
        super().__init__(**{"widget": widget, "input_formats": ["%H:%M"], "error_messages": errors, **kwargs})
