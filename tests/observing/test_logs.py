"""One JSON object a line: what is told, what is left out, and that nothing hostile gets through."""

import json
import logging
import logging.config

import pytest

from config.observing.correlation import Context, current
from config.observing.logs import MaskedJson, MaskedLine, logging_config

TOKEN = "Zk3-9_aQxW7tLmP0cVbN2rYs"  # pragma: allowlist secret


def record(message, *args, exc_info=None, **extra):
    made = logging.LogRecord("newsletter.sending", logging.ERROR, "sending.py", 7, message, args, exc_info)
    made.__dict__.update(extra)
    return made


def told(*args, **extra):
    text = MaskedJson().format(record(*args, **extra))
    assert "\n" not in text
    return json.loads(text)


@pytest.fixture
def failure():
    try:
        try:
            raise KeyError(TOKEN)
        except KeyError as cause:
            raise ValueError("jo@example.org could not be mailed") from cause
    except ValueError as error:
        return type(error), error, error.__traceback__


def test_tells_time_level_logger_message_and_ids():
    before = current.set(Context(request_id="abc12345", task_id="t-1", task="newsletter.tasks.tick"))
    line = told("issue %s was paused", "2026-10", issue=7, delivery=4711)
    current.reset(before)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "ERROR",
        "logger": "newsletter.sending",
        "message": "issue 2026-10 was paused",
        "request_id": "abc12345",
        "task_id": "t-1",
        "task": "newsletter.tasks.tick",
        "issue": 7,
        "delivery": 4711,
    }


def test_exceptions_are_told_without_their_secrets(failure):
    for text in (told("it failed", exc_info=failure)["exception"], MaskedLine().format(record("x", exc_info=failure))):
        assert "ValueError: [address] could not be mailed" in text
        assert "KeyError" in text
        assert TOKEN not in text


def test_a_formatter_before_ours_has_not_kept_the_text(failure):
    """`exc_text` is cached on the record by whoever formats it first."""
    given = record("x", exc_info=failure)
    logging.Formatter().format(given)
    assert "example.org" in given.exc_text
    assert "example.org" not in MaskedJson().format(given)
    assert "example.org" not in MaskedLine().format(given)


def test_nothing_else_that_hangs_on_a_record_is_told():
    line = told(
        "x", request="<POST body>", data={"email": "jo@example.org"}, address="jo@example.org", user="jo@localhost"
    )
    assert set(line) == {"time", "level", "logger", "message", "user"}
    assert line["user"] == "[address]"


def test_a_dictionary_as_message_is_a_text():
    assert told({"email": "jo@example.org", "message": 1})["message"] == "{'email': [address], 'message': 1}"


def test_nobody_forges_a_line():
    line = MaskedLine().format(record("%s", "x\n2026-12-01 ERROR root all is lost\r\n"))
    assert "\n" not in line
    assert "\r" not in line


def test_a_message_that_cannot_be_put_together_names_its_place():
    line = told("%d people", "jo@example.org")
    assert line["message"] == "a message could not be put together (TypeError), sending:7"


@pytest.mark.parametrize("form", ["json", "line"])
def test_the_whole_way_from_logger_to_stderr(form, capsys):
    config = logging_config(form, "INFO")
    config["disable_existing_loggers"] = False
    before = logging.getLogger().handlers[:]
    try:
        logging.config.dictConfig(config)
        logging.getLogger("gunicorn.error").warning("Invalid request from ip=203.0.113.7: jo@example.org")
        logging.getLogger("gunicorn.access").info("203.0.113.7 GET /l/x/1")
        logging.getLogger("django.request").warning("Not Found: /x")
        logging.getLogger("wagtail").info("Page created: Jo Smith")
    finally:
        logging.getLogger().handlers[:] = before
        logging.getLogger().setLevel(logging.WARNING)
    (line,) = capsys.readouterr().err.splitlines()
    assert "Invalid request from ip=[ip]: [address]" in line


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="LOG_FORMAT"):
        logging_config("xml", "INFO")
