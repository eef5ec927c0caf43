"""Anymail's settings from the environment."""

import json
from collections.abc import Mapping
from typing import Any

PREFIX = "ANYMAIL_"


def anymail_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """Collect every ANYMAIL_* variable under its short name.

    A value that is a JSON object, list, true, false or null is read as such (SEND_DEFAULTS, for example); everything
    else, numbers included, stays the text it is, since keys and secrets may look like numbers.
    """
    return {name.removeprefix(PREFIX): _value(text) for name, text in environment.items() if name.startswith(PREFIX)}


def _value(text: str) -> Any:
    try:
        value = json.loads(text.lower() if text.lower() in {"true", "false"} else text)
    except ValueError:
        return text
    return value if isinstance(value, dict | list | bool) or value is None else text
