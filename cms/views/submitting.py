"""The form at `/submit/`, its confirmation and its thanks."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
