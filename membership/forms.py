"""Forms that members fill in."""

from django import forms

from cms.models import Region, Sector
from membership.fields import AddressField, only_a_name


class MeasuringForm(forms.Form):
    """The two switches: what may be measured. Their words are part of the consent (`docs/consent-wording.md`)."""

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

    def only_off(self) -> None:
        """Let what is on be switched off, and nothing on: for whoever holds a mail, which may have been passed on."""
        for name in ("track_opens", "track_clicks"):
            if not self.initial.get(name):
                self.fields[name].disabled = True  # whatever is posted, it stays as it was
                self.fields[name].help_text = "It is off. Log in to switch it on."


class ChoicesForm(MeasuringForm):
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


class ProfileForm(forms.Form):
    """Who somebody is at work: asked when joining, corrected on the profile page."""

    first_name = forms.CharField(
        max_length=60,
        required=False,
        label="First name",
        validators=[only_a_name],
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        max_length=60,
        required=False,
        label="Last name",
        validators=[only_a_name],
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
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


class JoinForm(ProfileForm, ChoicesForm):
    email = AddressField(label="Your e-mail address", help_text="We send one message there, with a link to confirm.")
    # A plain choice, never ticked beforehand: without it somebody becomes a member who gets no e-news.
    wants_news = forms.BooleanField(
        required=False,
        label="Send me the monthly e-news",
        help_text="One e-mail a month with what is new for your sectors and your region, and what is new for everyone.",
    )

    field_order = [
        *("email", "first_name", "last_name", "sectors", "region", "organisation", "job_role"),
        *("wants_news", "track_opens", "track_clicks"),
    ]


class ResendForm(forms.Form):
    """Which address waits for its confirmation."""

    email = AddressField(label="Your e-mail address", help_text="The one you joined with.")
