"""Every address of the hub that is not a page of Wagtail's tree."""

from django.urls import URLPattern

from cms.views import api, assuring, calendars, contact, discovery, feeds, open_data, openreferral, submitting

PARTS = (submitting, contact, assuring, feeds, calendars, api, openreferral, open_data, discovery)
urlpatterns: list[URLPattern] = [pattern for part in PARTS for pattern in part.urlpatterns]
