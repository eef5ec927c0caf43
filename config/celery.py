"""The Celery application; `celery -A config worker` and `celery -A config beat` find it here."""

import os

from celery import Celery

from config.observing import workers  # noqa: F401  connects its signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
