"""Addresses of joining and of a member's own pages (design.md)."""

from django.urls import path
from django.views.generic import RedirectView

from membership import views

urlpatterns = [
    path("join/", views.join, name="join"),
    path("join/confirm/<str:token>/", views.confirm, name="confirm"),
    path("account/", views.account, name="account"),
    path("account/preferences/", views.preferences, name="preferences"),
    path("account/signup/", RedirectView.as_view(pattern_name="join")),
]
