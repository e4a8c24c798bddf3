"""`parameters` of an operation: what goes into the path, the query, the headers and the cookies, in which style."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeGuard
from urllib.parse import parse_qsl, unquote

from agentos_runtime.importers.api import Declaration, Field, Losses, Place
from agentos_runtime.importers.declarations import ordered, with_note
from agentos_runtime.importers.openapi.declare import Declarer
from agentos_runtime.importers.openapi.document import Located, media_types, resolve
from agentos_runtime.importers.openapi.examples import parameter_example
from agentos_runtime.importers.openapi.flat import Flat
from agentos_runtime.importers.openapi.nesting import Written, nested_field
from agentos_runtime.manifest.headers.names import header_problem
from agentos_runtime.regexes import regex

_PLACES: Mapping[str, Place] = {"path": "path", "query": "query", "header": "header", "cookie": "cookie"}
_OWN_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""OpenAPI: parameters of these names are ignored."""
JOINED: Mapping[str, str] = {
    "form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|", "label": ".", "matrix": ",",
    "tabDelimited": "\\t",
}  # fmt: skip
"""`tabDelimited` is Swagger's `tsv`, as it is written in jq."""
_CALLED: Mapping[str, str] = {",": "commas", ".": "dots", " ": "spaces", "|": "`|`", "\\t": "tabs"}
_COOKIE = regex(r"[\w.!#$%&'*+^`|~-]+", re.ASCII)
IDEMPOTENCY = "idempotency-key"
FORM = "application/x-www-form-urlencoded"
MAPS_AS_JSON = (
    '{} | if type == "object" then tojson'
    ' elif type == "array" then map(if type == "object" then tojson else . end) else . end'
)
AS_JSON = "{} | if . == null then null else tojson end"
READING = ("GET ", "HEAD ")
"""How the labels of operations begin that change nothing."""


class Parameters:
    """Reads the parameters of one import."""

    def __init__(self, declarer: Declarer, losses: Losses) -> None:
        self._declarer = declarer
        self._losses = losses

    def read(self, path: str, item: Located, operation: Located, label: str) -> list[Written]:
        """The fields of an operation; its own parameters win over those of its path.

        What the path has and nobody declared is a text.
        """
        found: dict[tuple[str, str], Located] = {}
        for raw in (*item.entries("parameters"), *operation.entries("parameters")):
            parameter = resolve(raw, self._losses)
            place, name = _place(parameter), parameter.text("name")
            if name:
                found[place, name.lower() if place == "header" else name] = parameter
        names = re.findall(r"\{([^{}]*)\}", path)
        fixed = {name for name, _ in parse_qsl(path.partition("?")[2], keep_blank_values=True)}
        fields: list[Written] = []
        for (place, name), parameter in found.items():
            if place == "query" and name in fixed:
                self._losses.add("a parameter that the path says already is left out", f"{label} {name}")
                continue
            if place == "path" and name not in names:
                self._losses.add("a path parameter that is not in the path is left out", f"{label} {name}")
                continue
            fields += self._fields(parameter, f"{label} {parameter.text('name')}")
        missing = [name for name in dict.fromkeys(names) if ("path", name) not in found]
        return [*fields, *(Field(name, "path", {"type": "string"}, True) for name in missing)]

    def _fields(self, parameter: Located, label: str) -> Iterator[Written]:
        name, place = parameter.text("name"), _PLACES.get(_place(parameter))
        kinds = media_types(parameter, self._losses)
        if _place(parameter) == "querystring" and FORM in kinds:
            flat = self._declarer.flattener.flat([kinds[FORM].at("schema")], label)
            yield from self._spread(parameter, flat, label)
            return
        if place is None or (place == "cookie" and not _COOKIE.fullmatch(name)):
            said = parameter.text("in") or "place that is not named"
            self._losses.add(f"a parameter in a {said} is not sent", label)
            return
        if place == "header" and (name.lower() in (*_OWN_HEADERS, IDEMPOTENCY) or header_problem(name)):
            if header_problem(name):
                self._losses.add("a header that a manifest may not set is not sent", label)
            return
        if parameter.flag("allowReserved"):
            self._losses.add(
                "reserved characters (allowReserved) are sent encoded, as services read them too", label
            )
        content = next(iter(kinds.values()), None)
        schema = content.at("schema") if content else parameter.at("schema")
        if content is None and schema.value is None and parameter.get("type") is not None:
            schema = _of_swagger(parameter)
        flat = self._declarer.flattener.flat([schema], label)
        shown = parameter_example(parameter, self._losses)
        flat = flat if shown is None else replace(flat, example=shown)
        if _is_spread(parameter, flat):
            yield from self._spread(parameter, flat, label)
        elif _is_deep(parameter) and (flat.properties or flat.open or {"object", "array"} & set(flat.types)):
            yield nested_field(self._field(parameter, place, flat, "{}", label), flat, self._declarer, label)
        else:
            write = AS_JSON if content else self._write(parameter, flat, label)
            yield self._field(parameter, place, flat, write, label)

    def _field(self, parameter: Located, place: Place, flat: Flat, write: str, label: str) -> Field:
        required = place == "path" or parameter.flag("required")
        declaration = self._declarer.param(flat, label, said=parameter.text("description"), required=required)
        sent = required or is_sent(flat)
        if place == "path" and flat.const is None and not label.startswith(READING) and "enum" not in declaration:
            sent = False  # what a call would change is named by whoever calls, and not by an example
        declaration = self._declarer.with_default(declaration, flat, label, sent=sent)
        if place == "path":
            declaration = self._of_path(declaration, parameter, label)
        needed = required and "default" not in declaration
        return Field(parameter.text("name"), place, declaration, needed, flat.default, write)

    def _write(self, parameter: Located, flat: Flat, label: str) -> str:
        """The jq that turns the param into what the style asks for; in a path, what stands around it."""
        place, name = _place(parameter), parameter.text("name")
        style = parameter.text("style") or ("form" if place in ("query", "cookie") else "simple")
        if place == "path":
            return {"label": ".{}", "matrix": f";{name}={{}}"}.get(style, "{}")
        explode = parameter.get("explode")
        explode = style == "form" if explode is None else explode is True
        if place == "cookie" and explode and {"array", "object"} & set(flat.types):
            self._losses.add("a list or map in a cookie is written as one value, joined with commas", label)
        rows = self._declarer.flattener.flat(flat.items, label) if flat.items else None
        if place == "query" and rows is not None and rows.is_object:
            self._losses.add(f"maps in a list in the query (style {style}) are sent as JSON texts", label)
            if explode:
                return MAPS_AS_JSON
        repeated = explode and place == "query"
        if ("array" in flat.types or flat.is_object) and not repeated and style in JOINED:
            return _joined(flat, JOINED[style], named=explode and place == "header")
        if flat.is_object and place == "query":
            self._losses.add(f"a map of any keys in the query (style {style}) is sent as JSON text", label)
            return AS_JSON
        return "{}"

    def _of_path(self, declaration: Declaration, parameter: Located, label: str) -> Declaration:
        """A path holds texts: a list or map is written by the caller as the style joins it.

        What is shown with `%2F` in it is shown as it is given: the runtime encodes it.
        """
        shown = {key: unquote(text) for key in ("example", "default") if _is_encoded(text := declaration.get(key))}
        declaration = {**declaration, **shown}
        kinds = declaration.get("type")
        many = {"array", "object"} & set(kinds if isinstance(kinds, list) else [kinds])
        if not many and "one_of" not in declaration:
            return declaration
        joint = JOINED.get(parameter.text("style") or "simple", ",")
        if parameter.flag("explode") and parameter.text("style") == "matrix":
            self._losses.add("a list in a path of style matrix is written once, joined with commas", label)
        kept = {key: declaration[key] for key in ("description",) if key in declaration}
        note = "one or several, joined with"
        if "object" in many:
            named = parameter.flag("explode")
            note = "`key=value` of each, joined with" if named else "key and value of each in turn, joined with"
        return ordered({"type": "string", **kept, "description": with_note(kept, f"{note} {_CALLED[joint]}")})

    def _spread(self, parameter: Located, flat: Flat, label: str) -> Iterator[Field]:
        """An exploded object: each of its properties is a key of its own."""
        for name, schemas in flat.properties.items():
            below = self._declarer.flattener.flat(schemas, f"{label}.{name}")
            required = parameter.flag("required") and name in flat.required
            declaration = self._declarer.param(below, f"{label}.{name}", required=required)
            yield Field(name, "query", declaration, required, below.default)


def _place(parameter: Located) -> str:
    return parameter.text("in").lower()


def _of_swagger(parameter: Located) -> Located:
    """The schema of a parameter that says its type as Swagger 2.0 does, right beside its name."""
    schema = {key: value for key, value in parameter.value.items() if key in _OF_A_SCHEMA}
    return Located(schema, parameter.resolver)


_ENCODED = regex(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]*%[0-9A-Fa-f]{2})+[A-Za-z0-9\-._~!$&'()*+,;=:@]*")
_OF_A_SCHEMA = frozenset({"type", "format", "items", "enum", "default", "minimum", "maximum", "pattern", "example"})


def is_sent(flat: Flat) -> bool:
    """Whether the only value that a field has goes out unasked. `force: true` does something when it is given."""
    return flat.const is not None and not isinstance(flat.const, bool)


def _joined(flat: Flat, joint: str, *, named: bool) -> str:
    """jq that writes a list or map as one text."""
    ways = []
    if "array" in flat.types:
        ways.append(f'type == "array" then map(tostring) | join("{joint}")')
    if flat.is_object or "object" in flat.types:
        each = '"\\(.key)=\\(.value)"' if named else ".key, (.value | tostring)"
        ways.append(f'type == "object" then [to_entries[] | {each}] | join("{joint}")')
    return f"{{}} | if {' elif '.join(ways)} else . end"


def _is_encoded(value: object) -> TypeGuard[str]:
    """Whether a text is percent-encoded: no value has `%2F` in it and no other `%`."""
    return isinstance(value, str) and _ENCODED.fullmatch(value) is not None


def _is_spread(parameter: Located, flat: Flat) -> bool:
    if _place(parameter) != "query" or not flat.is_object or not flat.properties or "content" in parameter.value:
        return False
    return (parameter.text("style") or "form") == "form" and parameter.get("explode") is not False


def _is_deep(parameter: Located) -> bool:
    return _place(parameter) == "query" and parameter.text("style") == "deepObject"


def wanted_headers(item: Located, operation: Located, losses: Losses) -> dict[str, str]:
    """`Accept` and `Content-Type` with the one value that a document says they must have."""
    found: dict[str, str] = {}
    for raw in (*item.entries("parameters"), *operation.entries("parameters")):
        parameter = resolve(raw, losses)
        if _place(parameter) != "header" or parameter.text("name").lower() not in ("accept", "content-type"):
            continue
        schema = resolve(parameter.at("schema"), losses)
        choices = schema.texts("enum")
        value = schema.text("default") or (choices[0] if len(choices) == 1 else "")
        if parameter.flag("required") and value.isascii() and value.isprintable() and value:
            found[parameter.text("name")] = value
    return found


def idempotency_header(item: Located, operation: Located, losses: Losses) -> str | None:
    """The name of the operation's idempotency header, which the runtime sends itself."""
    for raw in (*item.entries("parameters"), *operation.entries("parameters")):
        parameter = resolve(raw, losses)
        if _place(parameter) == "header" and parameter.text("name").lower() == IDEMPOTENCY:
            return parameter.text("name")
    return None


def authorization(item: Located, operation: Located, losses: Losses) -> Located | None:
    """The parameter `Authorization`: OpenAPI has tools ignore it, some documents have it instead of a scheme."""
    for raw in (*operation.entries("parameters"), *item.entries("parameters")):
        parameter = resolve(raw, losses)
        if _place(parameter) == "header" and parameter.text("name").lower() == "authorization":
            return parameter
    return None
