"""A call that is worth a try: one that reads, needs little, and whose skill is ready."""

import shlex
from collections.abc import Collection, Iterable

from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.openapi.operations import path_of
from agentos_runtime.visible import visible_json


def first_call(skills: Iterable[Skill], ready: Collection[str], url: str) -> str | None:
    """The curl line; None when there is no such call."""
    found = [
        (utility.credential is not None, len(params), utility.streams, skill.id, utility.name, skill, utility)
        for skill in skills
        if skill.id in ready
        for utility in skill.utilities.values()
        if utility.effect == "read" and (params := _params(utility)) is not None
    ]
    if not found:
        return None
    *_, skill, utility = min(found, key=lambda each: each[:5])
    body = visible_json(dump(_params(utility)).decode())
    return f"curl {shlex.quote(url + path_of(skill, utility))} -H 'X-Agent: me' --json {shlex.quote(body)}"


def _params(utility: Utility) -> dict[str, Json] | None:
    """What it needs, with the author's own examples; None when there are none."""
    properties, required = utility.params.get("properties"), utility.params.get("required", [])
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    params: dict[str, Json] = {}
    for name in required:
        declared = properties.get(str(name))
        if not isinstance(declared, dict):
            return None
        values = [declared.get(key) for key in ("examples", "enum")]
        shown = next((each[0] for each in values if isinstance(each, list) and each), None)
        if shown is None:
            return None
        params[str(name)] = shown
    return params
