"""The forms of the preferences page: what somebody wants to receive, and until when they want nothing."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from cms.models import Kind
from membership.audiences import audience_for
from membership.forms import ChoicesForm
from membership.models import Audience, Member, Subscription


class PreferencesForm(ChoicesForm):
    kinds = forms.MultipleChoiceField(
        choices=Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        label="What would you like to hear about?",
        error_messages={"required": "Choose at least one kind, or leave the e-news below."},
    )
    frequency = forms.ChoiceField(
        choices=Subscription.Frequency.choices,
        required=False,
        widget=forms.RadioSelect,
        label="How often?",
        help_text="Every three months means the issues of March, June, September and December.",
    )

    field_order = ["sectors", "region", "kinds", "frequency"]

    @classmethod
    def initial_for(cls, subscription: Subscription) -> dict[str, Any]:
        member = subscription.member
        return {
            "sectors": member.sectors.all(),
            "region": member.region_id,
            "kinds": subscription.kinds,
            "frequency": subscription.frequency,
            "track_opens": subscription.track_opens,
            "track_clicks": subscription.track_clicks,
        }

    def clean_frequency(self) -> str:
        """A page that does not ask leaves the answer as it was."""
        return str(self.cleaned_data["frequency"] or self.initial["frequency"])

    def audience(self, member: Member) -> Audience:
        """The audience that these choices, not yet saved, would put a member into. Only for a valid form."""
        chosen = self.cleaned_data
        return audience_for(
            member=member,
            sectors=[sector.pk for sector in chosen["sectors"]],
            region=chosen["region"].pk if chosen["region"] else None,
            kinds=chosen["kinds"],
            quarterly=chosen["frequency"] == Subscription.Frequency.QUARTERLY,
        )


class PauseForm(forms.Form):
    until = forms.DateField(
        required=False,
        label="Until (optional)",
        help_text="The day from which you want it again, such as 1/3/2027. Leave it empty to resume it yourself.",
        input_formats=["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d/%m/%y", "%d %B %Y", "%d %b %Y"],
        error_messages={"invalid": "Write the day like 1/3/2027."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tomorrow = timezone.localdate() + timedelta(days=1)
        self.fields["until"].widget = forms.DateInput(
            format="%Y-%m-%d", attrs={"type": "date", "min": tomorrow.isoformat()}
        )

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until and until <= timezone.localdate():
            raise forms.ValidationError("Choose a day that is still to come, or leave it empty.")
        return until
