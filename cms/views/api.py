"""The read-only JSON API of entries."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
