"""The list of addresses that are never mailed: how many and why, looking one up, adding one, lifting one.

There are no addresses to show, only keyed hashes; whoever knows an address can ask about that one.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.views.decorators.debug import sensitive_post_parameters
from wagtail.admin.viewsets.base import ViewSet

from cms.addresses import address_hash, normalise_address
from membership import charts, staff
from membership.desk.pages import StaffPage
from membership.models import Suppression, User
from membership.suppressing import HASH_SHOWN, LIFTABLE, CannotLift, counts, lift, suppress_on_request, why_not

PER_PAGE = 50
TITLE = "Addresses never mailed"


class AddressForm(forms.Form):
    address = forms.CharField(
        max_length=320,
        label="E-mail address",
        help_text="The whole address. It is not kept, and stands in no web address and no log.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "type": "text", "inputmode": "email"}),
    )

    def clean_address(self) -> str:
        """Return the hash: nothing behind this form needs the address."""
        try:
            return address_hash(normalise_address(self.cleaned_data["address"]))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class LiftForm(forms.Form):
    why = forms.CharField(
        max_length=200,
        label="Why it may be mailed again",
        help_text="Such as “The mailbox works again, said by telephone”. Kept with your name; write no address here.",
    )


class SuppressionsPage(StaffPage):
    """What the pages of the list share: the permission, and the way back to it."""

    permission = staff.SUPPRESSIONS
    header_icon = "mail"
    page_title = TITLE
    http_method_names = ["get", "head", "post"]

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        here = {"url": "", "label": self.get_page_title()}
        above = [] if here["label"] == TITLE else [{"url": reverse("suppressions:index"), "label": TITLE}]
        return [*self.breadcrumbs_items, *above, here]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(shown=f":{HASH_SHOWN}", **kwargs)

    @property
    def person(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user


@method_decorator(sensitive_post_parameters("address"), name="dispatch")
class ListPage(SuppressionsPage):
    """The counts, the form and the list. POST looks an address up, or adds it, and never puts it into a redirect."""

    template_name = "membership/desk/suppressions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        by_reason = counts()
        paginator = Paginator(Suppression.objects.order_by("-since", "-pk"), PER_PAGE)
        page = paginator.get_page(self.request.GET.get("p"))
        return super().get_context_data(
            **{
                "form": AddressForm(),
                "counts": by_reason,
                "total": paginator.count,
                "chart": charts.count_chart(
                    "reasons", "Addresses never mailed, by reason", [(one.label, one.count) for one in by_reason]
                ),
                "page_obj": page,
                "elided_page_range": paginator.get_elided_page_range(page.number),
                "liftable": LIFTABLE,
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = AddressForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=400)
        hashed = form.cleaned_data["address"]
        if request.POST.get("act") == "add":
            found, made = suppress_on_request(address_hash=hashed, by=self.person)
            answer = {"found": found, "added": made, "asked": True}
        else:
            answer = {"found": Suppression.objects.filter(address_hash=hashed).first(), "asked": True}
        return self.render_to_response(self.get_context_data(form=form, **answer))


class LiftPage(SuppressionsPage):
    """One suppression. POST lifts it, with a reason."""

    template_name = "membership/desk/suppressions_lift.html"

    @cached_property
    def suppression(self) -> Suppression:
        return get_object_or_404(Suppression, pk=self.kwargs["pk"])

    def get_page_title(self) -> str:
        return f"Address {self.suppression.address_hash[:HASH_SHOWN]}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = {"form": LiftForm(), "suppression": self.suppression, "obstacle": why_not(self.suppression), **kwargs}
        return super().get_context_data(**context)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = LiftForm(request.POST)
        if form.is_valid():
            try:
                lift(suppression=self.suppression, by=self.person, why=form.cleaned_data["why"])
            except CannotLift as error:
                form.add_error("why", str(error))
            else:
                messages.success(request, "This address may be mailed again.")
                return redirect("suppressions:index")
        return self.render_to_response(self.get_context_data(form=form), status=400)


class SuppressionViewSet(ViewSet):
    """The addresses of these pages. Their menu item is the e-news's (`newsletter.wagtail_hooks`)."""

    name = "suppressions"
    icon = "mail"

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", ListPage.as_view(), name="index"),
            path("<int:pk>/", LiftPage.as_view(), name="lift"),
        ]
