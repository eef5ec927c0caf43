"""The environment that every process starts with: read before the settings are chosen, for `.env` may choose them."""

import os
from pathlib import Path

import environ

ROOT = Path(__file__).resolve().parents[1]
EMBEDDED = "config.settings.development"


def prepare() -> None:
    """Read `.env` beside manage.py, if it is there, and choose the embedded default where nothing chooses.

    What the process was started with wins over the file.
    """
    chosen = "DJANGO_SETTINGS_MODULE"
    if not os.environ.get(chosen):  # empty says the same as none
        os.environ.pop(chosen, None)
    environ.Env.read_env(ROOT / ".env")
    os.environ.setdefault(chosen, EMBEDDED)
