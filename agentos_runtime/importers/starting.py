"""A small skill to begin with, made of one address and perhaps of an answer, with remarks for its author."""

import re
from dataclasses import replace
from urllib.parse import quote

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Api, Field, Losses, Operation
from agentos_runtime.importers.build import call_fields, utility
from agentos_runtime.importers.names.choosing import utility_names
from agentos_runtime.importers.names.routes import sendable
from agentos_runtime.importers.samples.operations import read_sample
from agentos_runtime.importers.samples.request import Sample
from agentos_runtime.importers.samples.secrets import carries_secret
from agentos_runtime.importers.yamltext import entry
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.secrets.shapes import holds_secret
from agentos_runtime.manifest.shapes import type_name
from agentos_runtime.visible import steering

MOST_FIELDS = 40
MOST_LEVELS = 30
_TEMPLATE = """\
---
# A skill: what a service is and what can be done with it. Save this file and it is live.
id: {id}
name: {name}
description: Describe in one line what this skill is for

{auth}
api:
  base_url: {base_url}

utilities:
{utility}---

# {name}

Write here what people should know about this skill.
"""
_NO_KEY = """\
# When the service needs a key, replace the next line by the one below it, then run: agentos keys set {id}
auth: none
# auth: {{type: api_key, header: Authorization, prefix: "Bearer ", help_url: https://example.com/keys}}
"""
_KEY = """\
# The key that stood in the address is not written here. Store it: agentos keys set {id}
"""
_RESHAPE = """\
      # What the caller gets, in jq over the body. Without it, the body as it is.
      # response:
      #   transform: '{first: .results[0]}'
"""


@dataclass(frozen=True, slots=True)
class Started:
    """What a new skill begins with."""

    text: str
    utility: str
    case: str
    """A test of the utility, for the folder beside."""
    asked: tuple[str, ...]
    """Params that a caller has to give."""
    carries_key: bool
    losses: tuple[str, ...] = ()
    """What of the address is not in it."""


def started(skill_id: str, url: str, answer: Json = None) -> Started:
    """A skill of the one call that an address is. Raises ImportProblem, which never quotes the address."""
    losses = Losses()
    read = read_sample(Sample("GET", url), losses)
    one = read.operation
    (name,) = utility_names((one,), (skill_id,), {}, {}).values()
    api = Api(skill_id, "", "", read.origin, (one,), read.credential)
    made = utility(_described(one), api, Losses())
    shaped = _shape(answer)
    if shaped is not None:
        rest = made.pop("rest")
        made |= {"returns": shaped, "rest": rest}
        if isinstance(rest, dict) and isinstance(shaped, dict):
            rest["response"] = {"mapping": {field: _path(field) for field in shaped}}
    auth = entry("auth", read.credential) if read.credential else ""
    title = skill_id.replace("-", " ").capitalize()
    text = _TEMPLATE.format(
        id=skill_id,
        name=title,
        auth=(_KEY.format(id=skill_id) + auth) if auth else _NO_KEY.format(id=skill_id),
        base_url=read.origin,
        utility=entry(name, made, 2, flow=False) + ("" if shaped is not None else _RESHAPE),
    )
    asked = tuple(param for field, param in call_fields(one) if field.required)
    case = _case(one, name, read.origin, answer, shaped)
    return Started(text, name, case, asked, read.credential is not None, tuple(losses.lines()))


def _described(one: Operation) -> Operation:
    fields = tuple(
        replace(field, declaration={**field.declaration, "description": f"Describe what {field.name} means"})
        for field in one.fields
    )
    return replace(one, description="Describe in one line what this call gives", fields=fields)


def _shape(answer: Json) -> Json:
    """`returns` of an answer; None when there is none or it says nothing."""
    if isinstance(answer, list):
        return "array"
    if not isinstance(answer, dict) or not answer:
        return None
    return {name: _kind(value) for name, value in [*answer.items()][:MOST_FIELDS] if _is_name(name)} or None


def _is_name(field: str) -> bool:
    """Whether a field's name is one that a file can have: no secret, and nothing that reads as more than a name."""
    return bool(re.fullmatch(r"[A-Za-z_@][\w@.:/ -]{0,63}", field, re.ASCII)) and not holds_secret(field)


def _kind(value: Json) -> str:
    return "any" if value is None else type_name(value).split()[-1]


def _path(field: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", field)
    return f".{field}" if plain else f'.["{field}"]'.replace("\\", "\\\\")


def _case(one: Operation, name: str, origin: str, answer: Json, shaped: Json) -> str:
    """The call with its defaults, and the answer; nothing secret of either."""
    params: dict[str, Json] = {}
    path, pairs = sendable(one.path), list[str]()
    for field, param in call_fields(one):
        value = _example(field)
        if field.required:
            params[param] = value
        text = quote(str(value).lower() if isinstance(value, bool) else str(value), safe="")
        if field.place == "path":
            path = path.replace(f"{{{field.name}}}", text)
        elif isinstance(value, list):
            pairs += [f"{quote(field.name, safe='')}={quote(str(each), safe='')}" for each in value]
        else:
            pairs.append(f"{quote(field.name, safe='')}={text}")
    body: Json = answer
    if answer is None or carries_secret(answer) or not _is_plain(answer):
        body = [] if shaped == "array" else {"example": True}
    reply: Json = body
    if isinstance(shaped, dict) and isinstance(body, dict):
        reply = {field: body.get(field) for field in shaped}
    case: dict[str, Json] = {"description": "The call of the address that the skill began with", "utility": name}
    if params:
        case["params"] = params
    mark = "&" if "?" in path else "?"
    case["request"] = {"method": "GET", "url": f"{origin}{path}{mark + '&'.join(pairs) if pairs else ''}"}
    case |= {"response": {"body": body}, "reply": reply}
    return "".join(entry(key, value) for key, value in case.items())


def _is_plain(value: Json, depth: int = MOST_LEVELS) -> bool:
    """Whether a file can show it: texts that show as themselves, and not too deep."""
    if isinstance(value, dict):
        return depth > 0 and all(_is_plain(key) and _is_plain(below, depth - 1) for key, below in value.items())
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(below, depth - 1) for below in value)
    return not isinstance(value, str) or steering(re.sub("[\\n\\t]", " ", value)) is None


def _example(field: Field) -> Json:
    declared = field.declaration
    if "default" in declared:
        return declared["default"]
    return declared.get("example", f"some-{field.name.replace('_', '-')}")
