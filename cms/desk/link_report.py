"""The report of links: broken ones first, with the entries that hold each."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from wagtail import hooks
from wagtail.log_actions import LogActionRegistry, log

from cms import link_rounds, tasks
from cms.desk.pages import HubPage
from cms.models import CheckedLink
from cms.permissions import CARE

PAGE = "hub_links"
PER_PAGE = 25  # finding the entries that hold a link takes a look at the text of all of them
States = CheckedLink.State
# The lists of the report, in its order.
LISTS = {
    States.BROKEN.value: "Broken",
    States.REDIRECTED.value: "Moved",
    States.UNCLEAR.value: "Could not be checked",
    States.WAITING.value: "Not checked yet",
    States.WORKS.value: "Working",
    "ignored": "Ignored",
}


class LinksPage(HubPage):
    permission = CARE
    page_title = "Links"
    header_icon = "link"
    template_name = "cms/desk/links.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        show = self.request.GET.get("show", "")
        show = show if show in LISTS else States.BROKEN.value
        page = Paginator(link_rounds.in_state(show), PER_PAGE).get_page(self.request.GET.get("p"))
        found = list(page)
        held = link_rounds.holders(found)
        counted = CheckedLink.objects.order_by().values_list("state", "ignored").annotate(Count("pk"))
        counts: dict[str, int] = {}
        for state, ignored, count in counted:
            name = "ignored" if ignored else state
            counts[name] = counts.get(name, 0) + count
        return super().get_context_data(
            show=show,
            lists=[(value, label, counts.get(value, 0)) for value, label in LISTS.items()],
            rows=[(link, held.get(link.url, [])) for link in found],
            page_obj=page,
            elided_page_range=page.paginator.get_elided_page_range(page.number),
            **kwargs,
        )


class Act(HubPage):
    """One button beside a link."""

    permission = CARE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.act(get_object_or_404(CheckedLink, pk=pk))
        show = request.POST.get("show", "")
        return redirect(f"{reverse(PAGE)}?show={show}" if show in LISTS else PAGE)

    def act(self, link: CheckedLink) -> None:
        raise NotImplementedError


class IgnoreAct(Act):
    def act(self, link: CheckedLink) -> None:
        link_rounds.ignore(link=link, by=self.request.user)
        messages.success(self.request, "This link is ignored for a year. You find it under “Ignored”.")


class HeedAct(Act):
    def act(self, link: CheckedLink) -> None:
        link_rounds.heed(link=link, by=self.request.user)
        messages.success(self.request, "This link is checked again like the others.")


class CheckAct(Act):
    def act(self, link: CheckedLink) -> None:
        log(link, link_rounds.FOLLOWED, user=self.request.user)
        tasks.check_link.delay_on_commit(link.pk)
        messages.success(self.request, "The link is being checked. Load this page again in a moment.")


@hooks.register("register_log_actions")
def log_actions(actions: LogActionRegistry) -> None:
    actions.register_action(link_rounds.IGNORED, "Ignore a link", "Link ignored: it is all right")
    actions.register_action(link_rounds.HEEDED, "Heed a link", "Link no longer ignored")
    actions.register_action(link_rounds.FOLLOWED, "Check a link", "Link checked by hand")


urlpatterns = [
    path("links/", LinksPage.as_view(), name=PAGE),
    path("links/<int:pk>/ignore/", IgnoreAct.as_view(), name="hub_links_ignore"),
    path("links/<int:pk>/heed/", HeedAct.as_view(), name="hub_links_heed"),
    path("links/<int:pk>/check/", CheckAct.as_view(), name="hub_links_check"),
]
