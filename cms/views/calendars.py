"""Events as iCalendar: each, and all."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from cms.calendars import calendar_of, coming_events, open_event
from cms.views.feeds import MAX_AGE


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
@conditional_page
def event_calendar(request: HttpRequest, slug: str) -> HttpResponse:
    event = open_event(slug)
    if event is None:
        raise Http404("There is no such event.")
    return _answer(calendar_of([event]), f"{slug}.ics")


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
@conditional_page
def events_calendar(request: HttpRequest) -> HttpResponse:
    return _answer(calendar_of(coming_events(timezone.localdate()), name="i-HOP events"), "i-hop-events.ics")


def _answer(content: bytes, filename: str) -> HttpResponse:
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, filename) or "attachment"
    return response


urlpatterns: list[URLPattern] = [
    path("calendar/events.ics", events_calendar, name="events_calendar"),
    path("calendar/<str:slug>.ics", event_calendar, name="event_calendar"),
]
