"""The report of links that do not work, and the way to ignore one."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
