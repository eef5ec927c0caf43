"""The editors' page of messages to the team."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
