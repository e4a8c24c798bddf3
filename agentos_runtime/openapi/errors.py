"""The error body of the HTTP contract, and the statuses under which it comes."""

from collections.abc import Iterable, Mapping

from agentos_runtime.errors import codes
from agentos_runtime.jsontext import Json

LISTED: tuple[int, ...] = (400, 402, 403, 409, 424, 429, 500, 502, 503, 504)
"""Statuses that every call names beside `default`, since tools call others from 500 on undocumented."""
REFERENCE: Mapping[str, Json] = {"$ref": "#/components/responses/Error"}


def error_responses(statuses: Iterable[int] = ()) -> dict[str, Json]:
    """The responses of an operation that are no success."""
    return {**{str(status): dict(REFERENCE) for status in statuses}, "default": dict(REFERENCE)}


def error_schema() -> dict[str, Json]:
    problem: dict[str, Json] = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
    }
    properties: dict[str, Json] = {
        "error": {"type": "string", "description": "A sentence that says what to do"},
        "code": {"type": "string", "enum": [*sorted(set(codes()))]},
        "request_id": {"type": "string", "description": "Finds the call in the activity and in the log"},
        "problems": {"type": "array", "items": problem},
        "help_url": {"type": "string"},
        "upstream": {"type": "object", "description": "What the service itself said"},
        "skill": {"type": "string"},
        "utility": {"type": "string"},
    }
    return {"type": "object", "properties": properties, "required": ["error", "code", "request_id"]}
