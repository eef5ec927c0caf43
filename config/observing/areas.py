"""Areas: which part of the site a path belongs to. A fixed list, so that metrics have few labels and no secrets."""

SHORT = {"": "home", "l": "click", "o": "pixel"}
# fmt: off
NAMED = frozenset([
    "account", "admin", "api", "complaints", "consortia", "contact", "directory", "documents", "e-news", "feeds",
    "healthz", "join", "media", "metrics", "openreferral", "readyz", "static", "still-correct", "submit", "webhooks",
])
# fmt: on
QUIET = {"click", "pixel", "healthz", "readyz", "metrics", "static"}  # one line each would only cost


def area_of(path: str) -> str:
    """The area of a request's path, such as “click” for `/l/…`; “other” for what is not listed."""
    first = path[1:].partition("/")[0]
    return first if first in NAMED else SHORT.get(first, "other")
