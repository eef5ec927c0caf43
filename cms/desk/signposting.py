"""Where a helpline adviser picks entries for an enquirer, and mails or prints them."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
