"""Addresses of joining and of a member's own pages (design.md)."""

from django.urls import include, path
from django.views.generic import RedirectView

from membership import views, views_profile, views_saved, views_sessions

urlpatterns = [
    path("", include("membership.urls_data")),
    path("join/", views.join, name="join"),
    path("join/resend/", views.resend, name="resend"),
    path("join/confirm/<str:token>/", views.confirm, name="confirm"),
    path("account/saved/<int:entry_id>/", views_saved.entry, name="save_entry"),
    path("account/searches/", views_saved.new_search, name="save_search"),
    path("account/searches/<int:search_id>/", views_saved.search, name="saved_search"),
    path("account/profile/", views_profile.profile, name="profile"),
    path("account/sessions/", views_sessions.sessions, name="sessions"),
    path("account/signup/", RedirectView.as_view(pattern_name="join")),
]
