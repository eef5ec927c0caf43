"""The description of our Open Referral addresses as OpenAPI 3, which the root points to."""

from typing import Any

from django.conf import settings

from cms.openreferral.asking import FURTHEST, MAX_TEXT, MAX_WORDS, OLDEST, PER_PAGE

PROFILE = "https://github.com/OpenReferralUK/uk-profile"
VERSION = "HSDS-UK-3.0"
Schema = dict[str, Any]


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


IDENTIFIER: Schema = {"type": "string", "format": "uuid"}
AGE = _whole(0, OLDEST)
PAGING: dict[str, Schema] = {"page": _whole(1, FURTHEST), "per_page": _whole(1, FURTHEST) | {"default": PER_PAGE}}
SEARCHING: dict[str, Schema] = PAGING | {
    "text": {"type": "string", "maxLength": MAX_TEXT, "description": f"At most {MAX_WORDS} words."},
    "taxonomy_term_id": IDENTIFIER,
    "taxonomy_id": IDENTIFIER,
    "modified_after": {"type": "string", "description": "A day or a moment, as ISO 8601 writes them."},
    "minimum_age": AGE,
    "maximum_age": AGE,
}
ENVELOPE = {
    "total_items": "integer",
    "total_pages": "integer",
    "page_number": "integer",
    "size": "integer",
    "first_page": "boolean",
    "last_page": "boolean",
    "empty": "boolean",
}


def about() -> dict[str, str]:
    """What the root answers, as the UK profile asks."""
    return {
        "version": VERSION,
        "profile": PROFILE,
        "openapi_url": f"{settings.SITE_URL}/openreferral/openapi.json",
    }


def description() -> dict[str, Any]:
    """The OpenAPI document."""
    return {
        "openapi": "3.0.0",
        "info": {
            "title": f"{settings.SITE_NAME}: support services as Open Referral UK",
            "version": "1.0",
            "description": f"Read-only, for everybody, without a key. Follows {PROFILE}.",
        },
        "servers": [{"url": f"{settings.SITE_URL}/openreferral"}],
        "paths": {
            "/": _get("Version and profile of this API", {}, _object({name: {"type": "string"} for name in about()})),
            **_collection("/services", "service", SEARCHING),
            **_collection("/taxonomies", "taxonomy", PAGING),
            **_collection("/taxonomy_terms", "taxonomy term", PAGING | {"taxonomy_id": IDENTIFIER}),
        },
    }


def _collection(path: str, what: str, parameters: dict[str, Schema]) -> dict[str, Any]:
    envelope = {name: {"type": kind} for name, kind in ENVELOPE.items()}
    page = _object(envelope | {"contents": {"type": "array", "items": {"type": "object"}}})
    identifier = {"name": "id", "in": "path", "required": True, "schema": IDENTIFIER}
    one = _get(f"One {what}", {}, {"type": "object"}) | {"parameters": [identifier]}
    return {path: _get(f"A page of records, each a full {what}", parameters, page), f"{path}/{{id}}": one}


def _get(summary: str, parameters: dict[str, Schema], answer: Schema) -> dict[str, Any]:
    refused = {"description": "One sentence of what is wrong, as “message”."}
    return {
        "get": {
            "summary": summary,
            "parameters": [
                {"name": name, "in": "query", "required": False, "schema": schema}
                for name, schema in parameters.items()
            ],
            "responses": {
                "200": {"description": summary, "content": {"application/json": {"schema": answer}}},
                "400": refused,
                "404": refused,
            },
        }
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}
