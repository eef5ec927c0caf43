"""The web application; `gunicorn config.wsgi` serves it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

application = get_wsgi_application()

from django.conf import settings  # noqa: E402

from config.observing import counters  # noqa: E402

# gunicorn's processes are forked from one, and are asked for metrics as one.
counters.share(settings.VAR_DIR, "web", os.getppid())
