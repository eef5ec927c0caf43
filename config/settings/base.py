"""Settings shared by every way of running the service, read from the environment.

Every variable is optional in the embedded default (ADR 2): no service is needed, state lives under `var/`.
"""

from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from config.observing.logs import logging_config
from config.schedule import SCHEDULE
from config.secret import local_secret_key
from config.settings.accounts import *  # noqa: F403
from config.settings.mail import *  # noqa: F403
from config.settings.reading import *  # noqa: F403
from config.settings.reading import BASE_DIR, VAR_DIR, env

VERSION = "0.2.0"  # as in pyproject.toml; a test compares

# --- Who we are -----------------------------------------------------------------------------------
SITE_NAME = "i-HOP"
SITE_URL = env("SITE_URL", default="http://localhost:8000").rstrip("/")
WAGTAIL_SITE_NAME = SITE_NAME
MFA_TOTP_ISSUER = SITE_NAME
WAGTAILADMIN_BASE_URL = SITE_URL
# `opens` and `closes` are hours of the day, Monday to Friday except bank holidays of England.
HELPLINE = {
    "number": "0808 802 2013",
    "hours": "Monday to Friday, 9am to 5pm",
    "opens": 9,
    "closes": 17,
}
# Where people write to, and where replies to signposting go.
TEAM_EMAIL = env("TEAM_EMAIL", default="team@ihop.example.org")
POSTAL_ADDRESS = env("POSTAL_ADDRESS", default="i-HOP, 1 Example Street, London N1 1AA")

CHECKED_AT_START = False  # whether site and workers refuse to start with settings that are wrong (config/starting.py)

# --- Security -------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="") or local_secret_key(VAR_DIR)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Keys the hashes of addresses that must not be mailed. It must outlive SECRET_KEY: when it changes, the
# suppression list no longer recognises anybody (ADR 8).
ADDRESS_HASH_KEY = env("ADDRESS_HASH_KEY", default="") or SECRET_KEY
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Erasures and suppressions, as keyed hashes, outside the database: a restored backup catches up from it. Keep it on
# another disk than the database, or copy it elsewhere (docs/runbook.md).
ERASURE_JOURNAL = env("ERASURE_JOURNAL", default="") or str(VAR_DIR / "erasures.jsonl")
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
CONTENT_SECURITY_POLICY = {
    # Wagtail's admin needs inline scripts; everything else gets the strict policy.
    "EXCLUDE_URL_PREFIXES": ("/admin/",),
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    },
}

# --- Applications ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "cms",
    "membership",
    "newsletter",
    "config",
    "wagtail.contrib.settings",
    "wagtail.contrib.redirects",
    "wagtail.contrib.sitemaps",
    "wagtail.api.v2",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "rest_framework",
    "django_filters",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "anymail",
    "csp",
    "django_htmx",
    "health_check",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.contrib.sitemaps",
]

MIDDLEWARE = [
    "config.observing.requests.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.observing.probes.Probes",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "membership.middleware.StaffMFAMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "wagtail.contrib.redirects.middleware.RedirectMiddleware",
    "cms.page_cache.PageCache",  # the innermost: what it answers passes through all above
]
X_FRAME_OPTIONS = "SAMEORIGIN"  # Wagtail shows previews in a frame of its own admin

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "cms.context_processors.site",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL lets readers go on while one writes; IMMEDIATE takes the write lock at the start of a transaction,
    # so two processes wait for each other instead of failing half-way through.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Language, time, files ------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = env("TIME_ZONE", default="Europe/London")
USE_TZ = True
USE_I18N = True
FORMS_URLFIELD_ASSUME_HTTPS = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(VAR_DIR / "static")))
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # the embedded default serves without `collectstatic`
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR_DIR / "media"

# --- Wagtail --------------------------------------------------------------------------------------
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "wagtail.search.backends.database"}}
WAGTAIL_GRAVATAR_PROVIDER_URL = None  # no hash of anybody's address goes to a third party
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False
WAGTAIL_USER_TIME_ZONES = [TIME_ZONE]  # everybody at the desk means the same hour
WAGTAIL_FRONTEND_LOGIN_URL = "account_login"
# Passwords and addresses change on the account pages only: there the address is confirmed and the second step asked.
WAGTAIL_PASSWORD_MANAGEMENT_ENABLED = False
WAGTAIL_PASSWORD_RESET_ENABLED = False
WAGTAIL_EMAIL_MANAGEMENT_ENABLED = False
WAGTAILDOCS_EXTENSIONS = ["csv", "docx", "odt", "pdf", "pptx", "txt", "xlsx"]
WAGTAILDOCS_DOCUMENT_FORM_BASE = "cms.upload_checks.DocumentForm"
WAGTAILDOCS_SERVE_METHOD = "serve_view"  # the view asks who may read a document; the file's own address would not
WAGTAILDOCS_INLINE_CONTENT_TYPES = ["application/pdf"]  # everything else is downloaded
WAGTAILIMAGES_EXTENSIONS = ["avif", "gif", "jpg", "jpeg", "png", "webp"]

# --- Celery ---------------------------------------------------------------------------------------
# The database is the truth and every task may be run twice, so a broker that loses everything loses nothing.
BROKER_DIR = VAR_DIR / "broker"
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="filesystem://")
if CELERY_BROKER_URL.startswith("filesystem:"):
    for folder in ("messages", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
    }
# Installations that share a broker keep apart by the name of their queue.
CELERY_TASK_DEFAULT_QUEUE = env("CELERY_QUEUE", default="ihop")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BEAT_SCHEDULER = "config.beat:LeasedScheduler"  # one of any number of beat processes ticks (ADR 26)
BEAT_LEASE_SECONDS = env.float("BEAT_LEASE_SECONDS", default=150.0)  # until another takes over from one that was killed

# --- Cache: rate limits and pages, shared by every process ----------------------------------------
_cache = env("CACHE_URL", default=CELERY_BROKER_URL if CELERY_BROKER_URL.startswith("redis") else "")
CACHES: dict[str, dict[str, Any]] = {
    "default": env.cache_url_config(_cache)
    if _cache
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(VAR_DIR / "cache"),
        "OPTIONS": {"MAX_ENTRIES": 10000},
    }
}
CACHES["default"]["KEY_PREFIX"] = CELERY_TASK_DEFAULT_QUEUE
if CACHES["default"]["BACKEND"].endswith("RedisCache"):  # nobody waits for long, nor fails, for what is only a cache
    CACHES["default"]["BACKEND"] = "config.soft_cache.SoftRedisCache"
    seconds = {"socket_timeout": 2, "socket_connect_timeout": 2}
    CACHES["default"]["OPTIONS"] = seconds | CACHES["default"].get("OPTIONS", {})
CACHES["pages"] = dict(CACHES["default"])
if CACHES["pages"]["BACKEND"].endswith("RedisCache"):
    CACHES["pages"]["BACKEND"] = "config.soft_cache.SoftPageCache"
PAGE_CACHE_SECONDS = env.int("PAGE_CACHE_SECONDS", default=0)  # 0 = every page is made anew (cms/page_cache.py)

# --- Watching (ADR 25) ------------------------------------------------------------------------------
METRICS_TOKEN = env("METRICS_TOKEN", default="")  # the bearer token for /metrics; without one, this machine only
SENTRY_DSN = env("SENTRY_DSN", default="")  # needs the extra “sentry”
OTEL_EXPORTER_OTLP_ENDPOINT = env("OTEL_EXPORTER_OTLP_ENDPOINT", default="")  # needs the extra “otel”

# --- Logging: ids, never addresses, tokens or bodies (quality.md 22) -------------------------------
LOGGING = logging_config(env("LOG_FORMAT", default="line"), env("LOG_LEVEL", default="WARNING"))
