"""The Celery application; `celery -A config worker` and `celery -A config beat` find it here."""

from celery import Celery

from config import environment
from config.observing import workers  # noqa: F401  connects its signals

environment.prepare()

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
