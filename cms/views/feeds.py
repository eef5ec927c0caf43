"""RSS and Atom of the directory, and of each kind and sector."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
