"""The read-only JSON API of entries: Wagtail's API with one endpoint, `entries`, and its own closed list of fields."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path, re_path, reverse
from django.views.decorators.http import require_safe
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from wagtail.api.v2.pagination import WagtailPagination
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.utils import BadRequestError
from wagtail.api.v2.views import BaseAPIViewSet

from cms.entry_data import FILTERS, UnknownValue, narrow, record, records
from cms.models import Entry
from cms.open_data import open_entries

MAX_PER_PAGE, PER_PAGE = 50, 20
MAX_OFFSET = 1_000_000  # beyond any directory; a database refuses far larger numbers with an error


class Pages(WagtailPagination):
    """`limit` (at most 50) and `offset`; nonsense is refused with a sentence."""

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        limit = _number(request, "limit", PER_PAGE, MAX_PER_PAGE)
        offset = _number(request, "offset", 0, MAX_OFFSET)
        self.view = view
        self.total_count = queryset.count()
        return queryset[offset : offset + limit]


class EntriesAPI(BaseAPIViewSet):
    """Nothing is taken from the model by itself: `cms/entry_data.py` says what leaves.

    Answers are the same for everybody, so nobody is recognised: a member's session opens nothing more.
    """

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    renderer_classes = [JSONRenderer]
    pagination_class = Pages
    known_query_parameters = frozenset(["limit", "offset", *FILTERS])
    name = "entries"
    model = Entry

    def get_queryset(self) -> Any:
        return open_entries()

    def check_query_parameters(self, queryset: Any) -> None:
        """Refuse what is no parameter: Wagtail would take any column for one."""
        if unknown := sorted(set(self.request.GET) - self.known_query_parameters):
            raise BadRequestError(
                f"There is no parameter “{unknown[0][:40]}”: use {', '.join(FILTERS)}, limit or offset."
            )

    def filter_queryset(self, queryset: Any) -> Any:
        try:
            queryset = narrow(queryset, {name: self.request.GET.getlist(name) for name in FILTERS})
        except UnknownValue as error:
            raise BadRequestError(str(error)) from error
        return queryset.order_by("-first_published_at", "-pk")

    def listing_view(self, request: Any) -> Response:
        queryset = self.get_queryset()
        self.check_query_parameters(queryset)
        page = self.paginate_queryset(self.filter_queryset(queryset))
        return self.get_paginated_response(records(page))

    def detail_view(self, request: Any, pk: str) -> Response:
        return Response(record(self.get_object().specific, whole=True))

    @classmethod
    def get_urlpatterns(cls) -> list[URLPattern]:
        return [
            path("", cls.as_view({"get": "listing_view"}), name="listing"),
            # As many digits as a database takes.
            re_path(r"^(?P<pk>[0-9]{1,9})/$", cls.as_view({"get": "detail_view"}), name="detail"),
        ]


def _number(request: Any, name: str, default: int, most: int) -> int:
    text = request.GET.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= most):
        raise BadRequestError(f"“{name}” must be a whole number from 0 to {most}.")
    return int(text)


@require_safe
def index(request: HttpRequest) -> JsonResponse:
    """What there is, for somebody who looks around."""
    return JsonResponse({"entries": settings.SITE_URL + reverse("api:entries:listing")})


router = WagtailAPIRouter("api")
router.register_endpoint("entries", EntriesAPI)

urlpatterns: list[Any] = [
    path("api/v2/", index, name="api_index"),
    path("api/v2/", router.urls),
]
