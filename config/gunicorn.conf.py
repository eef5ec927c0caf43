"""gunicorn's settings: `gunicorn -c config/gunicorn.conf.py config.wsgi …`. Flags win over them."""

import os

from config import environment
from config.observing.logs import logging_config

environment.prepare()  # LOG_LEVEL and LOG_FORMAT may stand in .env, and this is read before the application

timeout = 60  # seconds: the longest page is an export
graceful_timeout = 25  # for requests under way when a deployment ends this process; less than its own patience (30 s)
control_socket_disable = True  # nobody gives it orders but by signals
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  its sign of life; a disk may block

# No access log: it would hold IP addresses, browsers and tokens. `config/observing/requests.py` writes its own line.
accesslog = None
_production = os.environ["DJANGO_SETTINGS_MODULE"].endswith(".production")
logconfig_dict = logging_config(
    os.environ.get("LOG_FORMAT") or ("json" if _production else "line"),
    os.environ.get("LOG_LEVEL") or ("INFO" if _production else "WARNING"),
)
