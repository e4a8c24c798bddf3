"""The examples of a service's description become cases: what a call sends, and what comes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agentos_runtime.importers.api import Api, Field, Operation
from agentos_runtime.importers.build import Generated, call_fields
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.yamltext import entry
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

SUFFIX = ".imported.yaml"
"""Case files that belong to the import: the next one writes them anew."""
HEADER = "# From the examples of the service's description; the next import with --cases writes it anew.\n"
_PLAIN = regex(r"[A-Za-z0-9_.-]+")


def with_cases(generated: Generated, api: Api) -> Generated:
    """The skill with a case for every operation whose examples say enough."""
    names = generated.routes
    cases = {
        name: case_of(one, name, api) for one in api.operations if (name := names[route(one.method, one.path)])
    }
    texts = {
        name: HEADER + "".join(entry(key, value) for key, value in case.items())
        for name, case in cases.items()
        if case is not None
    }
    return replace(generated, cases=texts)


def case_of(one: Operation, name: str, api: Api) -> dict[str, Json] | None:
    """One operation's case; None when its examples leave something open."""
    if one.reply.kind == "raw" or (one.reply.kind == "json" and one.reply_example is None):
        return None
    fields = call_fields(one)
    params = dict(_given(one, fields))
    if not all(param in params for field, param in fields if field.required):
        return None
    sent = {
        param: field.declaration["default"] for field, param in fields if "default" in field.declaration
    } | params
    url = _url(one, api, fields, sent)
    body = {field.name: sent[param] for field, param in fields if field.place == "body" and param in sent}
    odd = any(field.write != "{}" or _is_file(field) for field, param in fields if param in sent)
    numbered = any(field.write.isdecimal() for field, _ in fields)
    if url is None or odd or numbered or (body and (one.body.encoding != "json" or one.body.whole)):
        return None
    request: dict[str, Json] = {"method": one.method, "url": url}
    if any(field.place == "body" for field, _ in fields):
        request["body"] = {**body}
    case: dict[str, Json] = {"description": one.description, "utility": name}
    if params:
        case["params"] = params
    return case | {"request": request} | _answer(one)


def _answer(one: Operation) -> dict[str, Json]:
    if one.reply.kind == "void":
        return {"response": {"status": 204}, "reply": None}
    body = one.reply_example
    pointed = one.paginate is not None and bool(one.reply.rows)
    reply = body.get((one.reply.rows or "/")[1:]) if pointed and isinstance(body, dict) else body
    return {"response": {"body": body}, "reply": reply}


def _given(one: Operation, fields: list[tuple[Field, str]]) -> Iterator[tuple[str, Json]]:
    """What the examples give for each param: of the request, or of the param itself when it is required."""
    body = one.request_example if isinstance(one.request_example, dict) else {}
    for field, param in fields:
        if field.place == "body":
            value = body.get(field.name)
        else:
            value = _own_example(field.declaration) if field.required else None
        if value is not None:
            yield param, value


def _own_example(declaration: Mapping[str, Json]) -> Json:
    choices = declaration.get("enum")
    return declaration.get("example", choices[0] if isinstance(choices, list) and choices else None)


def _url(one: Operation, api: Api, fields: list[tuple[Field, str]], sent: Mapping[str, Json]) -> str | None:
    """The whole address; None for values that could be written in more than one way."""
    path, query = one.path, []
    for field, param in fields:
        text = _text(sent.get(param)) if param in sent else None
        if field.place not in ("path", "query") or param not in sent:
            continue
        if text is None:
            return None
        if field.place == "path":
            path = path.replace(f"{{{field.name}}}", text)
        else:
            query.append(f"{field.name}={text}")
    return f"{one.base_url or api.base_url}{path}" + (f"?{'&'.join(query)}" if query else "")


def _text(value: Json) -> str | None:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if isinstance(value, str | int) and _PLAIN.fullmatch(text) else None


def _is_file(field: Field) -> bool:
    items = field.declaration.get("items")
    return "file" in (field.declaration.get("type"), items.get("type") if isinstance(items, dict) else None)
