"""Production: stops at once, naming the setting, when something it needs is missing."""

from django.core.exceptions import ImproperlyConfigured

from config.observing.logs import logging_config
from config.settings.base import *  # noqa: F403
from config.settings.base import CACHES, SITE_URL
from config.settings.mail import EMAIL_PROVIDER
from config.settings.reading import env
from config.settings.static import STORAGES  # noqa: F401

REQUIRED = {
    "SECRET_KEY": "a long random string",
    "ADDRESS_HASH_KEY": "a long random string that never changes",
    "ALLOWED_HOSTS": "the site's host names, separated by commas",
    "SITE_URL": "the public address, such as https://www.example.org",
    "DATABASE_URL": "postgres://user:password@host:5432/name",
    "CELERY_BROKER_URL": "redis://host:6379/0",
    "EMAIL_PROVIDER": "smtp, or the name of an Anymail backend",
    "NEWS_FROM": "the sender of the e-news",
    "ACCOUNTS_FROM": "the sender of account mail",
}
for _name, _example in REQUIRED.items():
    if not env(_name, default=""):
        raise ImproperlyConfigured(f"Set {_name} ({_example}) before starting in production.")
if EMAIL_PROVIDER == "smtp" and not env("EMAIL_URL", default=""):
    raise ImproperlyConfigured("Set EMAIL_URL (smtp://user:password@host:587) for EMAIL_PROVIDER=smtp.")
if not SITE_URL.startswith("https://"):
    raise ImproperlyConfigured(
        "Set SITE_URL to an https:// address: mailbox providers refuse one-click links without it."
    )
if CACHES["default"]["BACKEND"].endswith("FileBasedCache"):
    raise ImproperlyConfigured("Set CACHE_URL (redis://host:6379/1) so that every process counts the same rate limits.")

DEBUG = False
CHECKED_AT_START = True  # what else may be wrong, such as a provider's secret: config/starting.py
PAGE_CACHE_SECONDS = env.int("PAGE_CACHE_SECONDS", default=60)  # ADR 31
INSTALLATION_ID = env("INSTALLATION_ID", default=SITE_URL)
LOGGING = logging_config(env("LOG_FORMAT", default="json"), env("LOG_LEVEL", default="INFO"))
STAFF_MFA_REQUIRED = env.bool("STAFF_MFA_REQUIRED", default=True)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# Probes come without HTTPS, and one-click leaving must never meet a redirect (RFC 8058).
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$", r"^e-news/u/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31536000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
WHITENOISE_USE_FINDERS = False
SILENCED_SYSTEM_CHECKS = ["security.W019"]  # the admin shows previews of our own pages in a frame: SAMEORIGIN
