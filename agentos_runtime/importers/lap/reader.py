"""The lines of a LAP file become an Api; what LAP leaves out is told."""

import re
from collections.abc import Callable, Mapping
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import (
    Api,
    Body,
    Declaration,
    Field,
    ImportProblem,
    Losses,
    Operation,
    Place,
    Reply,
)
from agentos_runtime.importers.declarations import BEARER, MAX_DEPTH, WORTH_SAYING, ordered
from agentos_runtime.importers.lap.fields import LapField, LapType, read_fields, read_type, value_of
from agentos_runtime.importers.messages import summary
from agentos_runtime.importers.paging import pagination, rows_of
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.names import header_problem
from agentos_runtime.manifest.params import FILE
from agentos_runtime.regexes import regex

KINDS: Mapping[str, str] = {
    "str": "string", "string": "string", "int": "integer", "integer": "integer", "num": "number",
    "number": "number",
    "float": "number", "bool": "boolean", "boolean": "boolean", "map": "object", "object": "object",
    "list": "array",
    "date": "string", "datetime": "string", "bytes": "string",
}  # fmt: skip
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})
LOST = (
    "LAP does not say where a param goes: of a GET, HEAD or DELETE it goes into the query, else into the JSON body",
    "LAP does not say ranges, nor what an `any` may be",
    "LAP does not say which calls need another credential, which can stream, which take or give files",
)
_DIRECTIVE = regex(r"@(\w+)(?:\(([^)]*)\))?\s*(.*)")
_OF_ENDPOINTS = frozenset({"desc", "required", "optional", "returns"})
_SILENT = frozenset({"lap", "endpoints", "hint", "toc", "endgroup", "end", "errors"})


@dataclass(slots=True)
class _Endpoint:
    method: str
    path: str
    group: str
    line: int
    description: str = ""
    fields: dict[str, tuple[LapField, bool]] = field(default_factory=dict)
    reply: LapType | None = None
    remark: str = ""
    status: str = ""


@dataclass(slots=True)
class _File:
    """What has been read so far."""

    title: str = ""
    base: str = ""
    version: str = ""
    auth: str = ""
    group: str = ""
    endpoints: list[_Endpoint] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    skipping: bool = False
    """The lines belong to an endpoint that cannot be read."""

    def last(self, line: int) -> _Endpoint:
        if not self.endpoints:
            raise ImportProblem(f"Line {line} of the LAP file stands before the first @endpoint")
        return self.endpoints[-1]


def read_lap(text: str, losses: Losses, *, base_url: str | None = None) -> Api:
    """The service that a LAP file describes. Raises ImportProblem."""
    if not re.search(r"^@lap\b", text, re.MULTILINE):
        raise ImportProblem("This is no LAP file: it has no line `@lap v…`")
    file = _File()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            _read_line(file, line.strip(), number)
        except ImportProblem as problem:
            file.odd.append(str(problem))
    base = base_url or file.base
    if not base.startswith(("http://", "https://")):
        raise ImportProblem("The LAP file names no address (`@base https://…`): say it with --base-url https://…")
    if not file.endpoints:
        raise ImportProblem(next(iter(file.odd), "The LAP file has no @endpoint"))
    for told in file.odd:
        losses.add("what cannot be read is left out", told)
    for sentence in LOST:
        losses.add(sentence)
    for name, where in file.unknown.items():
        losses.add(f"the directive @{name} is not known", f"line {where}")
    operations = tuple(_operation(endpoint, losses) for endpoint in file.endpoints)
    return Api(file.title, "", file.version, base.rstrip("/"), operations, _auth(file.auth, losses))


# ------------------------------------------------------------------ lines


def _read_line(file: _File, line: str, number: int) -> None:
    if not line.startswith("@"):
        return
    directive = _DIRECTIVE.match(line)
    if directive is None or directive[1] in _SILENT:
        return
    read = _DIRECTIVES.get(directive[1])
    if file.skipping and directive[1] in _OF_ENDPOINTS:
        return
    if read is None:
        file.unknown.setdefault(directive[1], number)
    else:
        read(file, directive[3].strip(), number, directive[2] or "")


def _endpoint(file: _File, text: str, line: int, _: str) -> None:
    method, _, path = text.partition(" ")
    path = path.strip()
    file.skipping = method.upper() not in METHODS or not path.startswith("/")
    if file.skipping:
        raise ImportProblem(f"Line {line} of the LAP file: `@endpoint METHOD /path` is expected")
    file.endpoints.append(_Endpoint(method.upper(), path, file.group, line))


def _desc(file: _File, text: str, line: int, _: str) -> None:
    file.last(line).description = text


def _required(file: _File, text: str, line: int, _: str) -> None:
    for each in read_fields(text, line, file.odd)[0]:
        file.last(line).fields[each.name] = (each, True)


def _optional(file: _File, text: str, line: int, _: str) -> None:
    for each in read_fields(text, line, file.odd)[0]:
        file.last(line).fields.setdefault(each.name, (each, each.required))


def _returns(file: _File, text: str, line: int, status: str) -> None:
    endpoint = file.last(line)
    if endpoint.status or not (status or "200").startswith("2"):
        return
    endpoint.status = status or "200"
    if text.startswith("{"):
        fields, endpoint.remark = read_fields(text, line, file.odd)
        endpoint.reply = LapType("map", fields=tuple(fields))
    elif text.startswith("["):
        endpoint.reply, endpoint.remark = read_type(text, line, file.odd)
    else:
        endpoint.remark = text


def _say(name: str) -> Callable[[_File, str, int, str], None]:
    def read(file: _File, text: str, line: int, _: str) -> None:
        setattr(file, name, text)

    return read


_DIRECTIVES: Mapping[str, Callable[[_File, str, int, str], None]] = {
    "api": _say("title"),
    "base": _say("base"),
    "version": _say("version"),
    "auth": _say("auth"),
    "group": _say("group"),
    "endpoint": _endpoint,
    "desc": _desc,
    "required": _required,
    "optional": _optional,
    "returns": _returns,
}


# ------------------------------------------------------------------ meaning


def _operation(endpoint: _Endpoint, losses: Losses) -> Operation:
    label = f"{endpoint.method} {endpoint.path}"
    if "stream" in endpoint.fields and endpoint.fields["stream"][0].type.kind == "bool":
        losses.add("it takes `stream`, but nothing says what its events are: the field is left out", label)
        del endpoint.fields["stream"]
    fields = tuple(_field(endpoint, each, required, losses) for each, required in endpoint.fields.values())
    reply = _reply(endpoint)
    return Operation(
        method=endpoint.method,
        path=endpoint.path,
        description=summary(endpoint.description, sentences=1) or label,
        tag=endpoint.group,
        fields=(*fields, *_undeclared(endpoint)),
        body=Body("multipart" if any(field.declaration.get("type") == FILE for field in fields) else "json"),
        reply=reply,
        paginate=pagination(fields, reply) if endpoint.method == "GET" else None,
    )


def _field(endpoint: _Endpoint, each: LapField, required: bool, losses: Losses) -> Field:
    place = _place(endpoint, each.name)
    label = f"{endpoint.method} {endpoint.path} {each.name}"
    declaration = declared(each.type, label, losses)
    if each.type.kind == FILE:
        declaration["type"] = FILE
    said = summary(each.remark)
    default = value_of(each.default, each.type.kind) if each.default else None
    choices = declaration.get("enum")
    fits = default is not None and (not isinstance(choices, list) or default in choices)
    sent = required and place != "path" and fits
    if sent:
        declaration["default"] = default
    elif each.default:
        said = f"{said} (default: {each.default})" if said else f"Default: {each.default}"
    if said:
        note = declaration.get("description")
        declaration["description"] = f"{said} ({note})" if note and str(note) not in said else said
    return Field(each.name, place, ordered(declaration), (required and not sent) or place == "path", default)


def _place(endpoint: _Endpoint, name: str) -> Place:
    if f"{{{name}}}" in endpoint.path:
        return "path"
    return "query" if endpoint.method in ("GET", "HEAD", "DELETE") else "body"


def _undeclared(endpoint: _Endpoint) -> list[Field]:
    names = re.findall(r"\{([^}]*)\}", endpoint.path)
    return [Field(name, "path", {"type": "string"}, True) for name in names if name not in endpoint.fields]


def declared(kind: LapType, label: str, losses: Losses, depth: int = MAX_DEPTH) -> Declaration:
    """A type as a declaration; three levels deep."""
    declaration: Declaration = {}
    if kind.kind in KINDS:
        declaration["type"] = KINDS[kind.kind]
    choices = _choices(kind, label, losses)
    if choices:
        declaration["enum"] = choices
    if kind.format in WORTH_SAYING:
        declaration["description"] = WORTH_SAYING[kind.format]
    if kind.items is not None and (below := declared(kind.items, f"{label}[]", losses, depth)):
        declaration["items"] = below
    if kind.fields and depth > 1:
        declaration["properties"] = {
            each.name: _property(each, f"{label}.{each.name}", losses, depth - 1) for each in kind.fields
        }
    return declaration


def _property(each: LapField, label: str, losses: Losses, depth: int) -> Json:
    declaration = declared(each.type, label, losses, depth)
    said = summary(each.remark, 120, 1)
    if each.default:
        said = f"{said} (default: {each.default})" if said else f"Default: {each.default}"
    if said:
        declaration["description"] = said
    return ordered({**declaration, "required": True}) if each.required else ordered(declaration)


def _choices(kind: LapType, label: str, losses: Losses) -> list[Json]:
    found: list[Json] = [value_of(text, kind.kind) for text in kind.choices]
    if None in found or len(set(kind.choices)) < len(kind.choices):
        # `a/b` is one value of some services and two for LAP: only words that come twice show it.
        losses.add("choices are parted by `/`, so one that holds a `/` has become two; they are not checked", label)
        return []
    return found


def _reply(endpoint: _Endpoint) -> Reply:
    if endpoint.status == "204":
        return Reply("void")
    if endpoint.reply is None:
        return Reply()
    if endpoint.reply.kind == "list":
        return Reply("json", "array", "")
    lists = [each.name for each in endpoint.reply.fields if each.type.kind == "list"]
    rows = rows_of(lists)
    wide = len(endpoint.reply.fields) > 2
    returns: Json = {each.name: _returned(each, 1 if wide else 2) for each in endpoint.reply.fields}
    return Reply("json", returns or None, f"/{rows}" if rows else None)


def _returned(each: LapField, depth: int) -> Json:
    declaration: Declaration = {}
    if each.type.kind in KINDS:
        declaration["type"] = KINDS[each.type.kind]
    said = summary(each.remark, 100, 1)
    if said:
        declaration["description"] = said
    if depth > 1 and each.type.fields:
        declaration["properties"] = {below.name: _returned(below, depth - 1) for below in each.type.fields}
    if not declaration:
        return "any"
    return declaration["type"] if declaration.keys() == {"type"} else declaration


def _auth(said: str, losses: Losses) -> Json:
    """`Bearer bearer | ApiKey header X-API-Key`: the first that is understood."""
    ways = [way.strip() for way in said.split("|") if way.strip()]
    found = [auth for way in ways if (auth := _way(way)) is not None]
    for way in ways:
        if _way(way) is None and way.lower() != "none":
            losses.add("a way to prove a call is not understood", way)
    if any(auth != found[0] for auth in found[1:]):
        losses.add("calls can be proven in several ways; the first is used", said)
    return found[0] if found else None


def _way(way: str) -> Json:
    lower = way.lower()
    if "basic" in lower.split():
        return {"type": "basic"}
    if lower.startswith(("bearer", "oauth", "openid")):
        return dict(BEARER)
    place = re.search(r"\b(header|query)\b", lower)
    names = [
        word for word in way.split() if word.lower() not in ("apikey", "api_key", "header", "query", "in", "key")
    ]
    if "key" not in lower.partition(" ")[0] or not names:
        return None
    name = names[0].strip("()")
    where = place[1] if place else "header"
    return None if where == "header" and header_problem(name) else {"type": "api_key", where: name}
