"""One utility as a path of an OpenAPI document: the call, and the description of it."""

from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import quote

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.names import tool_name
from agentos_runtime.manifest.requests.segments import needed_in_path
from agentos_runtime.manifest.shapes import nullable
from agentos_runtime.openapi.errors import LISTED, error_responses
from agentos_runtime.openapi.schemas import (
    LONGEST_DESCRIPTION,
    by_type,
    first_sentence,
    shown_schema,
    text,
    with_property,
)
from agentos_runtime.skills.tool_schemas import sent_schema

Version: TypeAlias = Literal["3.1", "3.2"]
AGENT_PATTERN = "^[!-~]([ -~]{0,62}[!-~])?$"
_STREAM: Mapping[str, Json] = {
    "type": "boolean",
    "description": "true: the reply comes as server-sent events",
    "default": False,
}
_EVENT: Mapping[str, Json] = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["delta", "done", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
_AGENT: Mapping[str, Json] = {
    "name": "X-Agent",
    "in": "header",
    "required": False,
    "description": "Who calls, for the activity and for limits",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": AGENT_PATTERN},
}
_IDEMPOTENCY: Mapping[str, Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Handed on to the service, so that a call may be made again without being done twice",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}


def path_of(skill: Skill, utility: Utility) -> str:
    return f"/api/skills/{quote(skill.id)}/{quote(utility.name)}"


def operation_id(skill: Skill, utility: Utility) -> str:
    """The utility's name over MCP, too."""
    return tool_name(skill.id, utility.alias or utility.name)


def path_item(skill: Skill, utility: Utility, version: Version, *, for_tools: bool) -> dict[str, Json]:
    """The call, and what the same path answers to GET, which is no tool that anybody needs."""
    schema = tool_params(utility) if for_tools else params(utility)
    item: dict[str, Json] = {"post": _call(skill, utility, schema, version)}
    return item if for_tools else item | {"get": _description(skill, utility)}


def _call(skill: Skill, utility: Utility, schema: dict[str, Json], version: Version) -> dict[str, Json]:
    repeatable = utility.rest.retry is not None and utility.rest.retry.idempotency_header is not None
    return {
        "operationId": operation_id(skill, utility),
        "tags": [skill.id],
        "summary": first_sentence(utility.description),
        "description": text(utility.description, LONGEST_DESCRIPTION),
        "parameters": [dict(_AGENT), *([dict(_IDEMPOTENCY)] if repeatable else [])],
        "requestBody": {"required": "required" in schema, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "The reply", "content": _replies(utility, version)},
            **error_responses(LISTED),
        },
        "x-openai-isConsequential": utility.effect != "read",
        "x-agentos": {
            "effect": utility.effect,
            "streams": utility.streams,
            "paginates": utility.rest.paginate is not None,
            "polls": utility.rest.poll is not None,
            "credential": utility.credential,
        },
    }


def tool_params(utility: Utility) -> dict[str, Json]:
    """What a model is to be told: one schema that a provider refuses makes it refuse all tools."""
    schema = sent_schema(_not_empty(utility))
    return with_property(schema, "stream", _STREAM) if _asks_for_streams(utility) else schema


def params(utility: Utility) -> dict[str, Json]:
    """All that is accepted: null where a param may be left out, too."""
    schema = shown_schema(_not_empty(utility))
    assert isinstance(schema, dict)
    declared, required = schema["properties"], schema.get("required", [])
    assert isinstance(declared, dict)
    assert isinstance(required, list)
    if _asks_for_streams(utility):
        declared = {**declared, "stream": dict(_STREAM)}
    accepted: dict[str, Json] = {
        name: each if name in required or not isinstance(each, dict) else nullable(each)
        for name, each in declared.items()
    }
    whole = {**schema, "properties": accepted}
    if utility.drops_unknown:
        whole.pop("additionalProperties", None)
    return whole


def _not_empty(utility: Utility) -> dict[str, Json]:
    """The schema of the params; those that are a segment of the path on their own have a character at least."""
    schema = dict(utility.params)
    declared = schema.get("properties")
    if isinstance(declared, dict) and (named := needed_in_path(utility.rest.url)):
        schema["properties"] = {
            name: _with_a_character(each) if name in named else each for name, each in declared.items()
        }
    return schema


def _with_a_character(schema: Json) -> Json:
    kinds = schema.get("type") if isinstance(schema, dict) else None
    if (
        not isinstance(schema, dict)
        or "enum" in schema
        or "string" not in (kinds if isinstance(kinds, list) else [kinds])
    ):
        return schema
    return {**schema, "minLength": 1}


def _asks_for_streams(utility: Utility) -> bool:
    """Whether the param `stream` is the runtime's."""
    declared = utility.params.get("properties")
    return utility.streams and not (isinstance(declared, dict) and "stream" in declared)


def _replies(utility: Utility, version: Version) -> dict[str, Json]:
    if utility.rest.response.raw:
        return {"*/*": {"schema": {}}}
    if utility.rest.response.format.kind == "any" or not utility.strict_returns:
        return {"application/json": {"schema": _returns(utility)}, "*/*": {"schema": {}}}
    replies: dict[str, Json] = {"application/json": {"schema": _returns(utility)}}
    if utility.streams:
        replies["text/event-stream"] = {"schema" if version == "3.1" else "itemSchema": dict(_EVENT)}
    return replies


def _returns(utility: Utility) -> Json:
    """What is only expected, and handed on also when it differs, is shown beside what accepts anything."""
    returns = shown_schema(dict(utility.returns or {}))
    return returns if utility.strict_returns or not returns else {"anyOf": [*by_type(returns), {}]}


def _description(skill: Skill, utility: Utility) -> dict[str, Json]:
    """Names of skills and utilities have no upper case, so that no utility has this operation's name."""
    body: dict[str, Json] = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": f"{operation_id(skill, utility)}_Description",
        "tags": [skill.id],
        "summary": f"Describes {utility.name}",
        "responses": {"200": {"description": "Its schemas", "content": body}, **error_responses()},
        "x-openai-isConsequential": False,
    }
