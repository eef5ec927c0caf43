"""The list of members: columns, filters, search, and its export."""

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn, TitleColumn
from wagtail.admin.views import generic
from wagtail.admin.widgets import BooleanRadioSelect
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.log_actions import log

from cms.addresses import masked
from cms.csv_files import csv_lines
from cms.models import Region, Sector
from membership import staff, timeline
from membership.desk.pages import log_subject
from membership.exporting import member_rows, xlsx_file
from membership.models import Member, Subscription, Suppression

TRACKING = {
    "opens": Q(subscription__track_opens=True),
    "clicks": Q(subscription__track_clicks=True),
    "neither": Q(subscription__track_opens=False, subscription__track_clicks=False),
}
NATIONAL = "national"  # in the filter, for members without a region
EXPORT_BATCH = 500  # members read at a time


def members_for_staff() -> QuerySet[Member]:
    """Members with all that lists show, in a fixed number of queries; `suppressed` is annotated."""
    suppressed = Suppression.objects.filter(address_hash=OuterRef("user__address_hash"))
    return (
        Member.objects.filter(erased_at=None)
        .select_related("user", "region", "subscription")
        .prefetch_related("sectors")
        .annotate(suppressed=Exists(suppressed))
    )


def region_choices() -> list[tuple[str, str]]:
    return [(NATIONAL, "National"), *Region.objects.values_list("slug", "name")]


class MemberFilterSet(WagtailFilterSet):
    state = django_filters.MultipleChoiceFilter(
        field_name="subscription__state",
        choices=Subscription.State.choices,
        distinct=False,
        widget=forms.CheckboxSelectMultiple,
        label="State",
    )
    sector = django_filters.ModelMultipleChoiceFilter(
        queryset=Sector.objects.all(), method="in_sectors", widget=forms.CheckboxSelectMultiple, label="Sector"
    )
    region = django_filters.MultipleChoiceFilter(
        choices=region_choices, method="in_regions", widget=forms.CheckboxSelectMultiple, label="Region"
    )
    joined_at = django_filters.DateFromToRangeFilter(label="Joined", widget=DateRangePickerWidget)
    tracking = django_filters.ChoiceFilter(
        choices=[("opens", "Opens may be counted"), ("clicks", "Clicks may be counted"), ("neither", "Neither")],
        method="by_tracking",
        empty_label="All",
        widget=forms.RadioSelect,
        label="Tracking",
    )
    suppressed = django_filters.BooleanFilter(widget=BooleanRadioSelect, label="Address suppressed")

    class Meta:
        model = Member
        fields: list[str] = []

    def in_sectors(self, members: QuerySet[Member], name: str, value: Any) -> QuerySet[Member]:
        """Members of any of the sectors, each once."""
        if not value:
            return members
        return members.filter(pk__in=Member.sectors.through.objects.filter(sector__in=value).values("member"))

    def in_regions(self, members: QuerySet[Member], name: str, value: list[str]) -> QuerySet[Member]:
        if not value:
            return members
        wanted = Q(region__slug__in=value)
        return members.filter(wanted | Q(region=None) if NATIONAL in value else wanted)

    def by_tracking(self, members: QuerySet[Member], name: str, value: str) -> QuerySet[Member]:
        return members.filter(TRACKING[value])


class MemberIndexView(generic.IndexView):
    """The list. Addresses are masked for whoever may not see them; nothing here changes a member."""

    any_permission_required = ["view"]
    page_title = "Members"
    is_searchable = True
    default_ordering = "-joined_at"
    filterset_class = MemberFilterSet
    request: HttpRequest

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Exports leave before the page is put together: a page would hold every member in memory at once."""
        if self.is_export:
            return self._export()
        return super().get(request, *args, **kwargs)

    def get_base_queryset(self) -> QuerySet[Member]:
        return members_for_staff()

    def search_queryset(self, queryset: QuerySet[Member]) -> QuerySet[Member]:
        """Every word must occur in the name or the organisation. Addresses are looked for on a page of their own,
        which posts: what is typed here stands in the web address, and so in logs."""
        for word in self.search_query.split():
            queryset = queryset.filter(
                Q(user__first_name__icontains=word)
                | Q(user__last_name__icontains=word)
                | Q(organisation__icontains=word)
            )
        return queryset

    def order_queryset(self, queryset: QuerySet[Member]) -> QuerySet[Member]:
        column = F(self.ordering.lstrip("-"))
        order = column.desc(nulls_last=True) if self.ordering.startswith("-") else column.asc(nulls_first=True)
        return queryset.order_by(order, "-pk")

    @cached_property
    def columns(self) -> list[Any]:
        return [
            TitleColumn(
                "name",
                accessor=lambda member: member.user.get_full_name() or "No name given",
                get_url=lambda member: reverse(self.inspect_url_name, args=[member.pk]),
                sort_key="user__last_name",
            ),
            Column("address", accessor=self._address),
            Column("sectors", accessor=lambda member: ", ".join(one.short_name for one in member.sectors.all())),
            Column(
                "region",
                accessor=lambda member: member.region.name if member.region else "National",
                sort_key="region__name",
            ),
            Column("organisation", sort_key="organisation"),
            StatusTagColumn("state", accessor=standing, primary=is_mailed, sort_key="subscription__state"),
            DateColumn("joined", accessor="joined_at", sort_key="joined_at"),
        ]

    def _address(self, member: Member) -> str:
        address = member.user.email
        return address if staff.may(self.request.user, staff.ADDRESSES) else masked(address)

    @cached_property
    def header_buttons(self) -> list[Any]:
        return [HeaderButton("Find by address", url=reverse("members:find"), icon_name="mail", priority=10)]

    @cached_property
    def header_more_buttons(self) -> list[Any]:
        buttons = [Button("Overview", url=reverse("members:overview"), icon_name="grid", priority=10)]
        if staff.may(self.request.user, staff.IMPORT):
            buttons.append(Button("Import from a file", url=reverse("members:import"), icon_name="upload", priority=20))
        return [*buttons, *super().header_more_buttons]

    @cached_property
    def show_export_buttons(self) -> bool:
        return staff.may(self.request.user, staff.EXPORT)

    @cached_property
    def no_results_message(self) -> str:
        if "@" in self.search_query:
            return "This box looks for names and organisations. Use “Find by address” above for an address."
        return "No member matches." if self.is_searching or self.is_filtering else "There are no members yet."

    def _export(self) -> HttpResponseBase:
        """Send the filtered list as a file, and record that it was taken: how many, which filters, no addresses."""
        if not staff.may(self.request.user, staff.EXPORT):
            raise PermissionDenied
        members = self.get_queryset()
        kind = self.request.GET["export"]
        shown = staff.may(self.request.user, staff.ADDRESSES)
        data = {"count": members.count(), "format": kind, "addresses": shown, "filters": self._filters_in_words()}
        log(instance=log_subject(), action=timeline.EXPORTED, title="Members", user=self.request.user, data=data)
        rows = member_rows(members.iterator(chunk_size=EXPORT_BATCH), show_addresses=shown)
        name = f"members-{timezone.localdate():%Y-%m-%d}.{kind}"
        if kind == self.FORMAT_XLSX:
            return FileResponse(xlsx_file(rows), as_attachment=True, filename=name)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8", headers=headers)

    def _filters_in_words(self) -> dict[str, list[str]]:
        """Which filters were on. Of a search only that there was one: the words might be a person's name."""
        found: dict[str, list[str]] = {}
        for one in self.active_filters:
            found.setdefault(str(one.field_label), []).append(str(one.value))
        return {**found, "Search": ["yes"]} if self.is_searching else found


def standing(member: Member) -> str:
    """A member's state in a word or two."""
    subscription = getattr(member, "subscription", None)
    words = str(subscription.get_state_display()) if subscription else "No subscription"
    return f"{words}, address suppressed" if getattr(member, "suppressed", False) else words


def is_mailed(member: Member) -> bool:
    subscription = getattr(member, "subscription", None)
    return bool(subscription and subscription.state == subscription.State.ACTIVE and not _suppressed(member))


def _suppressed(member: Member) -> bool:
    return bool(getattr(member, "suppressed", False))
