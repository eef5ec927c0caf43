"""The form at `/contact/`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
