"""sitemap.xml and robots.txt."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
