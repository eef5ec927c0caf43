"""A member's own pages, and the addresses that mails lead to (design.md; other programs rely on them)."""

from django.urls import path, re_path

from newsletter.views import archive, leaving, measured, measuring, member, webhooks

urlpatterns = [
    path("l/<str:token>/<int:number>", measuring.click, name="news_click"),
    path("o/<str:token>.gif", measuring.pixel, name="news_pixel"),
    path("account/", member.dashboard, name="account"),
    path("account/measured/", measured.measured, name="measured"),
    path("account/preferences/", member.preferences, name="preferences"),
    # With or without the last slash: a mailbox provider must never meet a redirect (RFC 8058).
    re_path(r"^e-news/u/(?P<token>[^/]+)$", leaving.unsubscribe),
    path("e-news/u/<str:token>/", leaving.unsubscribe, name="news_unsubscribe"),
    path("e-news/p/<str:token>/", leaving.preferences, name="news_preferences"),
    path("e-news/p/<str:token>/measured/", measured.by_link, name="news_measured"),
    path("feeds/e-news/", archive.ENewsFeed(), name="news_feed"),
    path("webhooks/<slug:esp>/tracking/", webhooks.tracking, name="provider_webhook"),
]
