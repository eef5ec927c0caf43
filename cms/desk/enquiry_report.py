"""What the helpline was asked about, by sector, region, topic and month."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
