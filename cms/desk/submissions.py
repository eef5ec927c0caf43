"""The editors' page of what people offered, and each offer's own page."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
