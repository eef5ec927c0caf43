"""Events as iCalendar: each, and all."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
