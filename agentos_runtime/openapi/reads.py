"""The routes that only look, as operations of an OpenAPI document."""

from collections.abc import Mapping

from agentos_runtime.jsontext import Json
from agentos_runtime.openapi.errors import error_responses

TAG = "runtime"
_OBJECT: Mapping[str, Json] = {"application/json": {"schema": {"type": "object"}}}


def read_paths() -> dict[str, Json]:
    """Paths of the reads."""
    return {
        "/api/health": _get("getHealth", "Whether it serves"),
        "/api/skills": _get("listSkills", "The skills that there are", _query("q", "Words that must occur")),
        "/api/skills/{skill}": _get("getSkill", "One skill with all its utilities", _path("skill")),
        "/api/activity": _get(
            "listActivity",
            "Who called what, the newest first",
            *(_query(name, f"Of this {name} only") for name in ("agent", "skill", "utility")),
        ),
        "/api/usage": _get(
            "getUsage",
            "Calls, tokens and cost, added up",
            *(_query(name, f"Of this {name} only") for name in ("agent", "skill", "utility")),
        ),
    }


def _get(name: str, summary: str, *parameters: dict[str, Json]) -> dict[str, Json]:
    operation: dict[str, Json] = {
        "operationId": name,
        "tags": [TAG],
        "summary": summary,
        "parameters": [*parameters],
        "responses": {"200": {"description": summary, "content": dict(_OBJECT)}, **error_responses()},
        "x-openai-isConsequential": False,
    }
    return {"get": operation}


def _query(name: str, description: str) -> dict[str, Json]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}


def _path(name: str) -> dict[str, Json]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
