"""The description of our Open Referral addresses as OpenAPI 3, which the root points to."""

from typing import Any

from django.conf import settings

PROFILE = "https://github.com/OpenReferralUK/uk-profile"
VERSION = "HSDS-UK-3.0"
PAGING = {"page": "integer", "per_page": "integer"}
SEARCHING = PAGING | {
    "text": "string",
    "taxonomy_term_id": "string",
    "taxonomy_id": "string",
    "modified_after": "string",
    "minimum_age": "integer",
    "maximum_age": "integer",
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
            **_collection("/taxonomy_terms", "taxonomy term", PAGING | {"taxonomy_id": "string"}),
        },
    }


def _collection(path: str, what: str, parameters: dict[str, str]) -> dict[str, Any]:
    envelope = {name: {"type": kind} for name, kind in ENVELOPE.items()}
    page = _object(envelope | {"contents": {"type": "array", "items": {"type": "object"}}})
    identifier = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    one = _get(f"One {what}", {}, {"type": "object"}) | {"parameters": [identifier]}
    return {path: _get(f"A page of records, each a full {what}", parameters, page), f"{path}/{{id}}": one}


def _get(summary: str, parameters: dict[str, str], schema: dict[str, Any]) -> dict[str, Any]:
    refused = {"description": "One sentence of what is wrong, as “message”."}
    return {
        "get": {
            "summary": summary,
            "parameters": [
                {"name": name, "in": "query", "required": False, "schema": {"type": kind}}
                for name, kind in parameters.items()
            ],
            "responses": {
                "200": {"description": summary, "content": {"application/json": {"schema": schema}}},
                "400": refused,
                "404": refused,
            },
        }
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}
