"""The embedded default: everything on one machine, no service needed. `make demo` and `make run` use it."""

from config.settings.base import *  # noqa: F403
