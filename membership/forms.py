"""Forms that members fill in."""

from typing import Any

from django import forms

from cms.models import Kind, Region, Sector
from membership.addresses import normalise_address
from membership.models import Subscription


class ChoicesForm(forms.Form):
    """What somebody wants to receive: shared by joining and preferences."""

    sectors = forms.ModelMultipleChoiceField(
        Sector.objects.all(),
        widget=forms.CheckboxSelectMultiple,
        label="Where do you work?",
        help_text="You receive what is new for these sectors, and what is new for everyone.",
        error_messages={"required": "Choose at least one sector."},
    )
    region = forms.ModelChoiceField(
        Region.objects.all(),
        required=False,
        empty_label="The whole country (national news only)",
        label="Your region",
        help_text="You receive what is new in your region, and what is national.",
    )
    track_opens = forms.BooleanField(
        required=False,
        label="You may count whether I open the e-news",
        help_text="Off unless you switch it on. It tells us whether the e-news is of use.",
    )
    track_clicks = forms.BooleanField(
        required=False,
        label="You may count which links I follow",
        help_text="Off unless you switch it on. It tells us which information helps whom.",
    )


class JoinForm(ChoicesForm):
    email = forms.CharField(
        max_length=320,
        label="Your e-mail address",
        help_text="We send one message there, with a link to confirm.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    first_name = forms.CharField(
        max_length=60, required=False, label="First name", widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        max_length=60, required=False, label="Last name", widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )
    organisation = forms.CharField(
        max_length=120,
        required=False,
        label="Organisation (optional)",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    job_role = forms.CharField(
        max_length=120,
        required=False,
        label="Job role (optional)",
        widget=forms.TextInput(attrs={"autocomplete": "organization-title"}),
    )

    field_order = ["email", "first_name", "last_name", "sectors", "region", "organisation", "job_role"]

    def clean_email(self) -> str:
        try:
            return normalise_address(self.cleaned_data["email"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class PreferencesForm(ChoicesForm):
    kinds = forms.MultipleChoiceField(
        choices=Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        label="What would you like to hear about?",
        error_messages={"required": "Choose at least one kind, or leave the e-news below."},
    )

    field_order = ["sectors", "region", "kinds"]

    @classmethod
    def initial_for(cls, subscription: Subscription) -> dict[str, Any]:
        member = subscription.member
        return {
            "sectors": member.sectors.all(),
            "region": member.region_id,
            "kinds": subscription.kinds,
            "track_opens": subscription.track_opens,
            "track_clicks": subscription.track_clicks,
        }
