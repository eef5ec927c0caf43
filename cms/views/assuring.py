"""The page behind “Is this still correct?” in a mail: GET shows a button, POST sets `assured_on`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
