"""Errors to a Sentry, where SENTRY_DSN is set: what the log says at level ERROR, masked in the same way.

Only logging is hooked: Django and Celery log what they catch, and so nothing of a request is ever in Sentry's hands.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.observing.logs import told
from config.observing.masking import mask

MISSING = (
    "{setting} is set, but the extra “{extra}” is not installed: "
    "pip install --require-hashes -r requirements-extras.lock (or take the setting out)."
)
# What is told of an event, and of each frame of a traceback: never a variable's value, a request or a user.
EVENT = ("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "server_name", "sdk")
FRAME = (
    "filename",
    "abs_path",
    "function",
    "module",
    "lineno",
    "in_app",
    "context_line",
    "pre_context",
    "post_context",
)


def start(dsn: str, **options: Any) -> None:
    """Send errors there from now on; does nothing without a DSN. `options` go to Sentry's `init` (in tests).

    Raises ImproperlyConfigured when the extra is missing.
    """
    if not dsn:
        return
    try:
        import sentry_sdk
        from sentry_sdk.integrations.atexit import AtexitIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError as error:
        raise ImproperlyConfigured(MISSING.format(setting="SENTRY_DSN", extra="sentry")) from error
    sentry_sdk.init(
        dsn=dsn,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            AtexitIntegration(callback=lambda pending, timeout: None),  # ends without a word on the terminal
        ],
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        before_send=scrub,
        **options,
    )


def scrub(event: Any, hint: Mapping[str, Any]) -> Any:
    """The event built anew from what may be told; everything else, known or not yet invented, stays here."""
    safe: dict[str, Any] = {name: event[name] for name in EVENT if name in event}
    record = hint.get("log_record")
    if record is not None:
        safe["extra"] = told(record)
        safe["tags"] = {name: value for name, value in safe["extra"].items() if name in {"request_id", "task"}}
    entry = event.get("logentry") or {}
    if text := entry.get("formatted") or entry.get("message") or event.get("message"):
        # The words before values are put in are the same each time, which makes Sentry group them.
        safe["logentry"] = {"message": mask(str(entry.get("message") or text)), "formatted": mask(_filled(entry, text))}
    if exceptions := (event.get("exception") or {}).get("values"):
        safe["exception"] = {"values": [_exception(one) for one in exceptions]}
    return safe


def _filled(entry: Mapping[str, Any], text: Any) -> str:
    """The message with its values."""
    params = entry.get("params")
    if entry.get("formatted") or not params:
        return str(text)
    try:
        return str(text) % (params if isinstance(params, Mapping) else tuple(params))
    except (TypeError, ValueError, KeyError):
        return str(text)


def _exception(one: Mapping[str, Any]) -> dict[str, Any]:
    frames = (one.get("stacktrace") or {}).get("frames") or []
    return {
        "type": one.get("type"),
        "module": one.get("module"),
        "value": mask(str(one.get("value") or "")),
        "stacktrace": {"frames": [{name: frame[name] for name in FRAME if name in frame} for frame in frames]},
    }
