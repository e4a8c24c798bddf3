"""The protocols of model services: by their paths, and how each of them says that a call failed."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.regexes import regex

Wire: TypeAlias = Literal["openai", "anthropic"]
_ANTHROPIC = regex(r".*/messages(?:/.*)?")
_OPENAI = regex(r".*/(?:chat/completions|responses|embeddings|models)(?:/.*)?")
_ANTHROPIC_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_USED_UP = 402
"""The status of a budget, which says when there is one again: at the end of a day or a month."""
_FOR_A_PERSON = frozenset({402, 403, 409, 424, 500})
"""Statuses after which calling again changes nothing until a person did something."""


def wire_of(path: str, *, anthropic: bool = False) -> Wire | None:
    """The wire of a path; anthropic: its client speaks that one, where two have the same path."""
    if _ANTHROPIC.fullmatch(path):
        return "anthropic"
    if not _OPENAI.fullmatch(path):
        return None
    return "anthropic" if anthropic else "openai"


def error_text(error: AgentOSError, request_id: str, wire: Wire | None) -> bytes:
    """The body of an error of ours, as clients of the wire read it."""
    return dump(_shaped(error, request_id, wire))


def error_event(error: AgentOSError, request_id: str, wire: Wire | None) -> bytes:
    """The event with which a stream breaks off; nothing follows it."""
    name = b"" if wire == "openai" else b"event: error\n"
    return name + b"data: %s\n\n" % dump(_shaped(error, request_id, wire))


def is_for_a_person(error: AgentOSError) -> bool:
    """Whether a client need not try again by itself."""
    soon = error.retry_after is not None and error.status != _USED_UP
    return error.status in _FOR_A_PERSON and not soon


def _shaped(error: AgentOSError, request_id: str, wire: Wire | None) -> dict[str, Json]:
    if wire is None:
        return {**error.as_json(), "request_id": request_id}
    if wire == "anthropic":
        kind = _ANTHROPIC_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
        said: dict[str, Json] = {"type": kind, "message": error.message}
        return {"type": "error", "error": said, "request_id": request_id}
    kind = _OPENAI_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    return {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}
