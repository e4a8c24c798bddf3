"""The examples of a service's description become cases: what a call sends, and what comes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agentos_runtime.importers.api import Api, Field, Losses, Operation
from agentos_runtime.importers.build import Generated, call_fields
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.parts import utilities_of
from agentos_runtime.importers.yamltext import entry
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.params import read_params
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.secrets.report import report_secrets
from agentos_runtime.manifest.source import read_source
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

SUFFIX = ".imported.yaml"
"""Case files that belong to the import: the next one writes them anew."""
HEADER = "# From the examples of the service's description; the next import with --cases writes it anew.\n"
_PLAIN = regex(r"[A-Za-z0-9_.-]+")


def with_cases(generated: Generated, api: Api, losses: Losses) -> Generated:
    """The skill with a case for every operation whose examples say enough, and are calls that it takes."""
    utilities = utilities_of(generated.manifest)
    texts: dict[str, str] = {}
    for one in api.operations:
        name = generated.routes[route(one.method, one.path)]
        case = case_of(one, name, api)
        if case is None:
            continue
        text = "".join(entry(key, value) for key, value in case.items())
        if _holds_secret(text):
            losses.add("an example that holds what looks like a key becomes no case", one.label)
        elif _is_answered(one) and _is_taken(utilities[name], case.get("params", {})):
            texts[name] = HEADER + text
        else:
            losses.add("an example does not fit its own description: it becomes no case", one.label)
    return replace(generated, cases=texts)


def _holds_secret(text: str) -> bool:
    """Whether the case would be refused, as one with a secret in it is."""
    root = _read(text)
    report = Report()
    if root is not None:
        report_secrets(root, "", "", report)
    return root is None or report.has_errors


def _is_taken(utility: Json, params: Json) -> bool:
    """Whether a call with these params is one that the utility takes."""
    root = _read(entry("utility", utility))
    return root is not None and not read_params(root.at("utility"), Report()).shape.problems(params)


def _read(text: str) -> Cursor | None:
    source = read_source(f"---\n{text}---\n".encode(), "", Report())
    return source.root if source is not None else None


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
    has_body = any(field.place == "body" for field, _ in fields)
    odd = any(field.write != "{}" or _is_file(field) for field, param in fields if param in sent)
    numbered = any(field.write.isdecimal() for field, _ in fields)
    if url is None or odd or numbered or (has_body and (one.body.encoding != "json" or one.body.whole)):
        return None
    request: dict[str, Json] = {"method": one.method, "url": url}
    if has_body:
        request["body"] = {**body}
    case: dict[str, Json] = {"description": one.description, "utility": name}
    if params:
        case["params"] = params
    return case | {"request": request} | _answer(one)


def _is_answered(one: Operation) -> bool:
    """Whether the answer that is shown is one of success, with the rows where they are read."""
    body, rows = one.reply_example, _rows(one)
    if one.reply.kind == "void":
        return True
    if one.paginate is not None and one.reply.rows is not None:
        page = body if rows is None else body.get(rows) if isinstance(body, dict) else None
        if not isinstance(page, list):
            return False
    return not (isinstance(body, dict) and isinstance(body.get("error"), dict))


def _rows(one: Operation) -> str | None:
    """The field of the answer that is the reply; None where all of it is."""
    if one.paginate is None or not one.reply.rows:
        return None
    return one.reply.rows[1:].replace("~1", "/").replace("~0", "~")


def _answer(one: Operation) -> dict[str, Json]:
    if one.reply.kind == "void":
        return {"response": {"status": 204}, "reply": None}
    body, rows = one.reply_example, _rows(one)
    reply = body.get(rows) if rows is not None and isinstance(body, dict) else body
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
