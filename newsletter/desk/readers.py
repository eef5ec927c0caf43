"""Which reader, and which version of an issue, the address of a desk's page asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, QueryDict
from django.shortcuts import get_object_or_404

from cms.addresses import normalise_address
from cms.models import Region, Sector
from membership.audiences import audience_of
from membership.models import Audience, Member, Subscription
from membership.staff import VIEW, may
from newsletter.desk.access import latest_draft
from newsletter.editions import IssueEditions
from newsletter.models import Issue
from newsletter.reading import Reading, everything, read, read_as_member, read_frozen
from newsletter.rehearsing import without_searches

PARAMETERS = ("sectors", "region", "quarterly", "audience", "member", "version")
VERSIONS = {
    "frozen": "The frozen edition, exactly as it was stored for sending",
    "approved": "The approved version, with the words that were approved: what would be sent",
    "draft": "The latest draft, with what the entries say today",
}


class ReaderForm(forms.Form):
    """Whose e-news to show, by what they chose."""

    sectors = forms.ModelMultipleChoiceField(
        Sector.objects.all(), required=False, widget=forms.CheckboxSelectMultiple, label="Sectors"
    )
    region = forms.ModelChoiceField(Region.objects.all(), required=False, empty_label="National only", label="Region")
    quarterly = forms.BooleanField(required=False, label="Wants one issue in three months")


class MemberForm(forms.Form):
    """Which member to read as. Posted, so that no address gets into the address of a page or into a log."""

    who = forms.CharField(max_length=254, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, by_address: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_address = by_address
        self.fields["who"].label = "Number or e-mail address" if by_address else "Number"

    def find(self) -> Member | None:
        """The member, or None. Raises PermissionDenied when somebody gives an address who may not see any."""
        who = self.cleaned_data["who"].strip()
        members = Member.objects.filter(erased_at=None)
        if who.isascii() and who.isdigit() and len(who) < 10:
            return members.filter(pk=int(who)).first()
        if not self.by_address:
            raise PermissionDenied
        try:
            return members.filter(user__email=normalise_address(who)).first()
        except ValueError:
            return None


@dataclass(frozen=True)
class Chosen:
    """Who reads, of which version: what the address of the page says."""

    version: str
    versions: tuple[str, ...]  # those there are
    audience: Audience | None = None
    member: Member | None = None

    def editions(self, issue: Issue) -> IssueEditions:
        return IssueEditions(latest_draft(issue)) if self.version == "draft" else IssueEditions.approved(issue)

    def reading(self, editions: IssueEditions) -> Reading:
        frozen = self.version == "frozen"
        if self.member:
            return read_as_member(editions, self.member, frozen=frozen)
        return read_frozen(editions, self.audience) if frozen else read(editions, self.audience)

    def audience_now(self) -> Audience | None:
        """The audience to send a test of; a member's as it is today. None for a mail for nobody in particular."""
        if not self.member:
            return self.audience
        subscription = get_object_or_404(Subscription.objects.select_related("member"), member=self.member)
        return audience_of(subscription)


def chosen_by(request: HttpRequest, issue: Issue) -> Chosen:
    """Read the address. Raises Http404 for whoever is not there, PermissionDenied for members one may not see."""
    asked, versions = request.GET, _versions(issue)
    version = asked["version"] if asked.get("version") in versions else versions[0]
    if number := asked.get("member"):
        if not may(request.user, VIEW):
            raise PermissionDenied
        members = Member.objects.filter(erased_at=None).select_related("user")
        return Chosen(version, versions, member=get_object_or_404(members, pk=_number(number)))
    if number := asked.get("audience"):
        audience = get_object_or_404(Audience, pk=_number(number))
        # What people look for is theirs alone: only who may see members may see their searches.
        return Chosen(version, versions, audience=audience if may(request.user, VIEW) else without_searches(audience))
    form = ReaderForm(asked)
    if not asks(asked) or not form.is_valid():
        return Chosen(version, versions)
    region: Region | None = form.cleaned_data["region"]
    sectors = [sector.pk for sector in form.cleaned_data["sectors"]]
    quarterly = form.cleaned_data["quarterly"]
    return Chosen(version, versions, audience=everything(sectors, region and region.pk, quarterly=quarterly))


def _versions(issue: Issue) -> tuple[str, ...]:
    """The versions there are, first the one that counts."""
    if issue.get_mailing():
        return ("frozen",)
    if not issue.live:
        return ("draft",)
    return ("approved", "draft") if issue.has_unpublished_changes else ("approved",)


def asks(asked: Mapping[str, Any]) -> bool:
    """Whether the form about choices was sent: a reader of no sector and of no region is one too."""
    return bool({"sectors", "region", "quarterly"} & set(asked))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Http404
    return int(text)


def query(asked: QueryDict, **changes: str) -> QueryDict:
    """What the address says of the reader, and `changes`."""
    kept = QueryDict(mutable=True)
    for name in PARAMETERS:
        if name in asked:
            kept.setlist(name, asked.getlist(name))
    for name, value in changes.items():
        kept[name] = value
    return kept
