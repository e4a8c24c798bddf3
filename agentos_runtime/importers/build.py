"""An Api becomes the manifest of a skill, and the Markdown below it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import KEY_IN_PATH, Api, Declaration, Field, Losses, Operation
from agentos_runtime.importers.declarations import ordered
from agentos_runtime.importers.graphql import called_by
from agentos_runtime.importers.messages import plain, summary
from agentos_runtime.importers.names.choosing import param_names
from agentos_runtime.importers.names.routes import Route, route, sendable
from agentos_runtime.importers.paging import owned_by
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.secrets.shapes import holds_secret, without_secrets
from agentos_runtime.regexes import regex
from agentos_runtime.visible import steering

_SENT: Mapping[str, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data",
    "text": "text/plain; charset=utf-8",
    "binary": "application/octet-stream",
}


_KEYED = regex(r"\\\((?:\.params\.(\w+) \| @uri|\.auth\.key)\)")
"""What a url with a key in its path is made of."""
_EXAMPLES = ("default", "example", "enum")
"""What a service says of a field by showing a value."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an import comes from, as the manifest remembers it."""

    kind: str
    address: str
    include: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None
    exclude: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    deprecated: bool = False
    auth: str | None = None
    own_names: bool = False
    base_url: str | None = None
    servers: Mapping[str, str] | None = None
    """What the variables of the description's servers are."""

    def as_json(self, version: str) -> Json:
        said: Mapping[str, Json] = {
            "from": self.address,
            "version": version,
            "include": [*self.include],
            "exclude": [*self.exclude],
            "methods": [*self.methods],
            "deprecated": self.deprecated,
            "auth": self.auth,
            "naming": "operation-id" if self.own_names else None,
            "names": dict(self.names or {}),
            "base_url": self.base_url,
            "servers": dict(self.servers or {}),
        }
        return {self.kind: {key: value for key, value in said.items() if value}}


@dataclass(frozen=True, slots=True)
class Generated:
    """What an import makes: the manifest, each utility's tag, the Markdown."""

    manifest: dict[str, Json]
    tags: Mapping[str, str]
    """By utility."""
    docs: str
    routes: Mapping[Route, str]
    """What each utility calls → its name."""
    cases: Mapping[str, str] | None = None
    """The text of a case for each utility that has one; None when none were asked for."""


def route_of(utility: Json, manifest: Mapping[str, Json]) -> Route | None:
    """What a utility calls; None when its url is jq or missing."""
    rest = utility.get("rest") if isinstance(utility, dict) else None
    url = rest.get("url") if isinstance(rest, dict) else None
    if isinstance(url, str) and url.startswith('"http'):
        url = _KEYED.sub(lambda found: f"{{{found[1] or 'key'}}}", url[1:-1])
    if not isinstance(rest, dict) or not isinstance(url, str) or not url.startswith(("/", "http")) or "\\(" in url:
        return None
    api = manifest.get("api")
    base_url = api.get("base_url") if isinstance(api, dict) else None
    if isinstance(base_url, str):
        url = url.removeprefix(base_url.rstrip("/"))
    name = called_by(rest.get("body"))
    return route(str(rest.get("method", "GET")), f"{url}#{name}" if name else url)


def build(api: Api, skill_id: str, names: Mapping[Route, str], source: Source, losses: Losses) -> Generated:
    """The skill that an Api is."""
    utilities: dict[str, Json] = {}
    tags: dict[str, str] = {}
    for one in api.operations:
        name = names[route(one.method, one.path)]
        utilities[name] = utility(one, api, losses)
        tags[name] = one.tag
    title = plain(api.title) or skill_id
    manifest: dict[str, Json] = {
        "id": skill_id,
        "name": title,
        "description": summary(api.description, sentences=1) or f"What {title} can do",
        "website": api.website,
        "terms_url": api.terms_url,
        "auth": api.auth or "none",
        "api": {"base_url": api.base_url},
        "sources": source.as_json(api.version),
        "strict_returns": False,
        "utilities": utilities,
    }
    known: dict[str, str] = {}
    manifest = {key: _harmless(value, known) for key, value in manifest.items() if value is not None}
    routes = {route(one.method, one.path): names[route(one.method, one.path)] for one in api.operations}
    return Generated(manifest, tags, _docs(title, api, losses), routes)


def utility(one: Operation, api: Api, losses: Losses) -> dict[str, Json]:
    """One operation as the manifest says it."""
    if any(steering(field.name) is not None for field in one.fields):
        losses.add("a field whose name holds a character that does not show as itself is not sent", one.label)
    if any(holds_secret(field.name) for field in one.fields):
        losses.add("a field whose name is a secret is not sent", without_secrets(one.label))
    one = _each_once(one, losses)
    pairs = call_fields(one)
    fields, names = [field for field, _ in pairs], [name for _, name in pairs]
    params: dict[str, Json] = {name: _param(field) for field, name in pairs if "{}" in field.write}
    beside: Mapping[str, Json] = {"effect": "read" if one.reads else None, "web_url": one.web_url}
    made: dict[str, Json] = {"description": one.description}
    made |= {key: value for key, value in beside.items() if value}
    if one.credential == "":
        made["auth"] = "none"
    elif one.credential:
        made["credential"] = one.credential
    if params:
        made["params"] = params
    if one.body.extra and _takes_more(one, pairs):
        made["additional_params"] = True
    elif one.body.extra:
        losses.add("further fields of a body (additionalProperties) are not taken", one.label)
    returns = _returns(one)
    if returns is not None:
        made["returns"] = returns
    whole = one.path.startswith("//") or any(field.write == KEY_IN_PATH for field in one.fields)
    whole = whole and not one.base_url and api.base_url.startswith("http")
    said = (
        replace(one, base_url=api.base_url.rstrip("/")) if whole else one
    )  # a url does not begin with two slashes, and one in jq begins with its address
    made["rest"] = _rest(said, fields, names, losses)
    return made


def _each_once(one: Operation, losses: Losses) -> Operation:
    """The operation with one field for each name that is sent: the first, as the service says them."""
    found: dict[tuple[str, str], Field] = {}
    for field in one.fields:
        here = (field.place, field.name.lower() if field.place == "header" else field.name)
        if here in found:
            losses.add("two params are sent under one name: the first is kept", f"{one.label} {field.name}")
        found.setdefault(here, field)
    return one if len(found) == len(one.fields) else replace(one, fields=tuple(found.values()))


def call_fields(one: Operation) -> list[tuple[Field, str]]:
    """The fields that a caller gives and the params they are, required ones first.

    What the runtime calls a param of its own is called by its place.
    """
    owned = owned_by(one.paginate) if one.paginate else {}
    fields = [
        field
        for field in one.fields
        if not (field.place == "body" and field.name == one.stream_field)
        and (owned.get(field.name) != field.place or field.required)
        and steering(field.name) is None
        and not holds_secret(field.name)
    ]
    fields.sort(key=lambda field: not field.required)
    taken = (*(("limit", "all") if one.paginate else ()), *(("stream",) if one.reply.streams else ()))
    return list(zip(fields, param_names(fields, taken), strict=True))


def _harmless(value: Json, known: dict[str, str]) -> Json:
    """The value; where one of its texts has a secret in it, `…`. `known` are texts that were looked at."""
    if isinstance(value, str):
        if value not in known:
            known[value] = without_secrets(value)
        return known[value]
    if isinstance(value, dict):
        return {key: _harmless(below, known) for key, below in value.items()}
    return [_harmless(below, known) for below in value] if isinstance(value, list) else value


def _param(field: Field) -> Declaration:
    shown = field.declaration.items()
    declaration = {
        key: value for key, value in shown if key not in _EXAMPLES or not holds_secret(value, field.name)
    }
    if field.required:
        declaration.pop("default", None)
        declaration["required"] = True
    return ordered(declaration)


def _returns(one: Operation) -> Json:
    if one.reply.kind == "void":
        return "void"
    if one.reply.kind == "raw":
        return None
    if one.reply.rows == "" or (one.paginate and one.reply.rows):
        return f"{one.reply.entity}[]" if one.reply.entity else "array"
    return one.reply.returns


# ------------------------------------------------------------------ rest


def _rest(one: Operation, fields: Sequence[Field], names: Sequence[str], losses: Losses) -> dict[str, Json]:
    pairs = list(zip(fields, names, strict=True))
    rest: dict[str, Json] = {} if one.method == "GET" else {"method": one.method}
    rest["url"] = _url(one, pairs)
    headers: dict[str, Json] = dict(one.headers)
    headers |= {field.name: _write(field, name) for field, name in pairs if field.place == "header"}
    if any(field.place == "cookie" for field in fields):
        headers["Cookie"] = _cookies(pairs)
    sends_body = one.body.empty or any(field.place == "body" for field, _ in pairs)
    if sends_body and one.body.content_type:
        headers["Content-Type"] = one.body.content_type
    query: dict[str, Json] = {field.name: _write(field, name) for field, name in pairs if field.place == "query"}
    for key, value in (("headers", headers), ("query", query)):
        if value:
            rest[key] = {**value}
    if sends_body:
        if one.body.encoding != "json":
            rest["encoding"] = one.body.encoding
        rest["body"] = _body(one, pairs)
        if one.body.nulls:
            rest["keep_null"] = [*one.body.nulls]
    if one.nested:
        rest["nested"] = "brackets"
    if one.idempotency_header:
        rest["retry"] = {"idempotency_header": one.idempotency_header}
    return rest | _answers(one)


def _answers(one: Operation) -> dict[str, Json]:
    """How what comes back is read."""
    said: dict[str, Json] = {}
    if one.reply.kind == "raw":
        said["response"] = {"raw": True}
    elif one.reply.form:
        said["response"] = {"as": one.reply.form}
    elif not one.reply.described:
        said["response"] = {"as": "any"}
    if one.reply.streams:
        stream: dict[str, Json] = {"body": {one.stream_field: True}} if one.stream_field else {}
        stream |= {"delta": ".", "accumulate": "list"}
        if isinstance(_returns(one), dict):
            stream["reply"] = "{events: .}"
        if one.reply.done:
            stream["done"] = one.reply.done
        said["stream"] = stream
    if one.paginate:
        said["paginate"] = dict(one.paginate)
    return said


def _url(one: Operation, pairs: Sequence[tuple[Field, str]]) -> str:
    of_path = [(field, name) for field, name in pairs if field.place == "path"]
    keyed = any(field.write == KEY_IN_PATH for field, _ in of_path)
    shown = "\\(.params.{} | @uri)" if keyed else "{{{}}}"
    written = {
        field.name: f"\\({KEY_IN_PATH})"
        if field.write == KEY_IN_PATH
        else field.write.replace("{}", shown.format(name))
        for field, name in of_path
    }
    path = sendable(one.path.split("#")[0]) if keyed else one.path
    path = re.sub(r"\{([^{}]*)\}", lambda found: written.get(found[1], found[0]), path)
    return f'"{one.base_url or ""}{path}"' if keyed else f"{one.base_url or ''}{sendable(path.split('#')[0])}"


def _body(one: Operation, pairs: Sequence[tuple[Field, str]]) -> Json:
    body = [(field, name) for field, name in pairs if field.place == "body"]
    if one.body.encoding == "multipart":  # some services read no field that comes after the file
        places = {(field.place, field.name): at for at, field in enumerate(one.fields)}
        body.sort(key=lambda pair: places[pair[0].place, pair[0].name])
    if one.body.whole:
        return _write(*body[0])
    if _sends_all(one, pairs):
        return ".params"
    if one.body.extra and _takes_more(one, pairs):
        others = [f".{name}" for field, name in pairs if field.place != "body"]
        return f".params | del({', '.join(others)})"
    return {
        field.name: int(field.write) if field.write.isdecimal() else _write(field, name) for field, name in body
    }


def _sends_all(one: Operation, pairs: Sequence[tuple[Field, str]]) -> bool:
    """Whether the params are the body, just as they are given."""
    if not pairs or one.body.nulls:
        return False
    return not (one.body.whole or one.body.encoding == "multipart") and all(
        field.place == "body" and field.write == "{}" and field.name == name for field, name in pairs
    )


def _takes_more(one: Operation, pairs: Sequence[tuple[Field, str]]) -> bool:
    """Whether params that nobody declared can be fields of the body: the declared ones are, as they are given."""
    in_body = [(field, name) for field, name in pairs if field.place == "body"]
    return bool(in_body) and _sends_all(one, in_body)


def _cookies(pairs: Sequence[tuple[Field, str]]) -> str:
    """The one header of all cookies; those that are not given are left out."""
    each = [
        f'({_write(field, name)} | if . == null then empty else "{field.name}=\\(tostring | @uri)" end)'
        for field, name in pairs
        if field.place == "cookie"
    ]
    return f'[{", ".join(each)}] | if . == [] then null else join("; ") end'


def _write(field: Field, name: str) -> str:
    return field.write.replace("{}", f".params.{name}", 1)


# ------------------------------------------------------------------ Markdown


def _docs(title: str, api: Api, losses: Losses) -> str:
    said = without_secrets(api.description.strip())
    parts = [f"# {title}", *([_without_headings(said)] if said else [])]
    lines = losses.lines()
    if lines:
        parts.append("## Not expressed\n\nWhat the description of the service says, and this file does not:")
        parts.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts) + "\n"


def _without_headings(text: str) -> str:
    """Prose for below the title: its headings go one level down, and no line reads as the file's own marks."""
    lines = (f"#{line}" if line.startswith("#") else line for line in text.splitlines())
    return "\n".join(f"\\{line}" if line.startswith("---") else line for line in lines)
