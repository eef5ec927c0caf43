"""Form fields that everything about members shares."""

import re
from typing import Any

from django import forms

from cms.addresses import normalise_address

NOT_A_NAME = re.compile(r"[\x00-\x1f/:@<>\\]")


class AddressField(forms.CharField):
    """An e-mail address in any spelling (mixed case, international domain), cleaned to the one we keep."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": "email"})
        super().__init__(**{"max_length": 320, "widget": widget, "label": "E-mail address", **kwargs})

    def clean(self, value: Any) -> str:
        try:
            return normalise_address(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


def only_a_name(text: str) -> None:
    """Refuse what could carry a message to whoever reads the name: the join form is open to everybody."""
    if NOT_A_NAME.search(text):
        raise forms.ValidationError("Please enter only a name, without line breaks and without / : @ < or >.")
