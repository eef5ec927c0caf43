"""The report of searches that found nothing."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from cms.desk.pages import HubPage
from cms.fruitless import fruitless_searches, settle_fruitless
from cms.permissions import CARE

PAGE = "hub_searches"
PER_PAGE = 50


class SearchesPage(HubPage):
    permission = CARE
    page_title = "Searches without results"
    header_icon = "search"
    template_name = "cms/desk/searches.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = Paginator(fruitless_searches(), PER_PAGE).get_page(self.request.GET.get("p"))
        return super().get_context_data(
            page_obj=page, elided_page_range=page.paginator.get_elided_page_range(page.number), **kwargs
        )


class Settle(HubPage):
    """The button beside words that somebody has dealt with."""

    permission = CARE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if settle_fruitless(pk=pk):
            messages.success(request, "Taken off the list. It comes back when somebody looks for it in vain again.")
        return redirect(PAGE)


urlpatterns = [
    path("searches/", SearchesPage.as_view(), name=PAGE),
    path("searches/<int:pk>/settle/", Settle.as_view(), name="hub_searches_settle"),
]
