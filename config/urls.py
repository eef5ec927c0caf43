"""Every address of the service. The fixed ones are listed in design.md."""

from django.conf import settings
from django.urls import include, path
from django.views.generic import RedirectView
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from cms.views.media import picture
from config import views

urlpatterns = [
    # /healthz, /readyz and /metrics are answered before: config/observing/probes.py
    path("", include("newsletter.urls")),  # first, since the links in mails are: a click waits for the search, too
    path(".well-known/security.txt", views.security_txt),
    # One way to log in for everybody: Wagtail's own login forms would pass by e-mailed codes and MFA.
    path("admin/login/", views.log_in),
    path("_util/login/", views.log_in),
    path("admin/password_reset/", RedirectView.as_view(pattern_name="account_reset_password")),
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("", include("cms.urls")),
    path("", include("membership.urls")),
    path("account/", include("allauth.urls")),
    path(f"{settings.MEDIA_URL.lstrip('/')}<path:name>", picture, name="picture"),
    path("", include(wagtail_urls)),
]
