"""What static files are collected with while an image is built: production's storage, and nothing that is secret."""

from config.settings.base import *  # noqa: F403
from config.settings.static import STORAGES  # noqa: F401

WHITENOISE_USE_FINDERS = False
