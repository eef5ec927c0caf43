"""Support services as Open Referral UK (HSDS 3)."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
