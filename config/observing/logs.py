"""Logs: one JSON object a line (or one line for people), with ids and without addresses, tokens or bodies.

What may be told of a record is listed here; whatever else a caller or a library attaches to it stays out.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from config.observing.correlation import current
from config.observing.masking import mask

# Given by `extra=…`: ids, counts and names of ours.
EXTRAS = ("issue", "edition", "delivery", "member", "user", "page", "report", "provider", "status", "seconds", "count")
LONGEST_EXTRA = 200


def told(record: logging.LogRecord) -> dict[str, Any]:
    """The ids and extras of a record, masked; only those that are there."""
    context = current.get()
    found: dict[str, Any] = {
        name: value
        for name, value in (("request_id", context.request_id), ("task_id", context.task_id), ("task", context.task))
        if value
    }
    for name in EXTRAS:
        value = record.__dict__.get(name)
        if isinstance(value, bool | int | float):
            found[name] = value
        elif value is not None:
            found[name] = mask(str(value)[:LONGEST_EXTRA])
    return found


def message_of(record: logging.LogRecord) -> str:
    """The masked message. One that cannot be put together is named by its place: its values may be anything."""
    try:
        return mask(record.getMessage())
    except Exception as error:
        return f"a message could not be put together ({type(error).__name__}), {record.module}:{record.lineno}"


class MaskedJson(JsonFormatter):
    """time, level, logger, message, request_id, task_id, task, the extras, exception, stack."""

    def format(self, record: logging.LogRecord) -> str:
        safe = logging.makeLogRecord(record.__dict__ | {"msg": message_of(record), "args": None})
        return super().format(safe)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data |= {"level": record.levelname, "logger": record.name, "message": record.message} | told(record)
        for name, key in (("exception", "exc_info"), ("stack", "stack_info")):
            if text := message_dict.get(key):
                log_data[name] = mask(text)


class MaskedLine(logging.Formatter):
    """The same for people: one line, and a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        message = message_of(record).replace("\r", "\\r").replace("\n", "\\n")  # nobody forges a second line
        if ids := " ".join(f"{name}={value}" for name, value in told(record).items()):
            message += f" [{ids}]"
        time = datetime.fromtimestamp(record.created, UTC).isoformat(sep=" ", timespec="milliseconds")
        lines = [f"{time} {record.levelname} {record.name} {message}"]
        if record.exc_info or record.exc_text:
            lines.append(mask(record.exc_text or self.formatException(record.exc_info)))  # type: ignore[arg-type]
        if record.stack_info:
            lines.append(mask(record.stack_info))
        return "\n".join(lines)


FORMATS = {"json": f"{__name__}.MaskedJson", "line": f"{__name__}.MaskedLine"}


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Settings for `logging.config.dictConfig`: everything goes through one formatter to stderr.

    Also for gunicorn's main process, where Django is not there. Raises ValueError for a form we do not have.
    """
    if form not in FORMATS:
        raise ValueError(f"Set LOG_FORMAT to {' or '.join(FORMATS)}, not {form}.")
    ours: dict[str, Any] = {"handlers": [], "propagate": True, "level": "NOTSET"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"masked": {"()": FORMATS[form]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "masked"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": ours,  # its own handlers mail whole requests to ADMINS
            "django.server": ours,
            "django.request": {"level": "ERROR"},  # every 404 would be a warning; requests have a line of their own
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # scanners; the request's line says 400
            "django.db.backends": {"level": "WARNING"},  # else every value of every statement
            "flufl.bounce": {"level": "CRITICAL", "propagate": False},  # names addresses when a detector fails
            "environ": {"level": "WARNING"},  # else that there is no .env
            "wagtail": {"level": "WARNING"},  # else the title of every page, which may name somebody
            "django_tasks": {"level": "WARNING"},  # else two lines for every page that is saved
            "botocore": {"level": "INFO"},  # else the body of every mail
            "gunicorn.error": ours,
            "gunicorn.access": {"handlers": [], "propagate": False},  # IP addresses, tokens and browsers
        },
    }
