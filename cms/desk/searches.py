"""The report of searches that found nothing."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
