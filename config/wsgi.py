"""The web application; `gunicorn config.wsgi` serves it."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from config import environment
from config.observing import counters
from config.starting import refuse_what_is_wrong

environment.prepare()

# gunicorn's processes are forked from one, and are asked for metrics as one. Before anything else: see `share`.
counters.share(settings.VAR_DIR, "web", os.getppid())

application = get_wsgi_application()
refuse_what_is_wrong()
# Imports every view now: else the first who asks each worker waits for it, some seconds.
_ = get_resolver().url_patterns
