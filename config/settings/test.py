"""What the test suite runs with: the embedded default, in places of its own, without slow password hashes."""

import os
import tempfile

# Test processes must not share the developer's `var/`, nor each other's.
os.environ["VAR_DIR"] = os.environ.get("TEST_VAR_DIR") or tempfile.mkdtemp(prefix="ihop-test-")

from config.settings.base import *  # noqa: F403

SECRET_KEY = "for tests only"
ADDRESS_HASH_KEY = "for tests only"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True  # look for a file when it is asked for, not for all of them with each test's client
ANYMAIL = {"WEBHOOK_SECRET": "webhook:for-tests"}
