"""`parameters` of an operation: what goes into the path, the query and the headers, and in which style."""

from collections.abc import Iterator, Mapping

from agentos_runtime.importers.api import Field, Losses, Place
from agentos_runtime.importers.openapi.declare import Declarer
from agentos_runtime.importers.openapi.document import Located, resolve
from agentos_runtime.importers.openapi.schemas import Flat
from agentos_runtime.manifest.headers.names import header_problem

_PLACES: Mapping[str, Place] = {"path": "path", "query": "query", "header": "header"}
_OWN_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""OpenAPI: parameters of these names are ignored."""
_JOINED: Mapping[str, str] = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
IDEMPOTENCY = "idempotency-key"


class Parameters:
    """Reads the parameters of one import."""

    def __init__(self, declarer: Declarer, losses: Losses) -> None:
        self._declarer = declarer
        self._losses = losses

    def read(self, item: Located, operation: Located, label: str) -> list[Field]:
        """The fields of an operation; its own parameters win over those of its path."""
        found: dict[tuple[str, str], Located] = {}
        for raw in (*item.entries("parameters"), *operation.entries("parameters")):
            parameter = resolve(raw, self._losses)
            place, name = parameter.text("in"), parameter.text("name")
            if name:
                found[place, name.lower() if place == "header" else name] = parameter
        return [
            field
            for parameter in found.values()
            for field in self._fields(parameter, f"{label} {parameter.text('name')}")
        ]

    def _fields(self, parameter: Located, label: str) -> Iterator[Field]:
        name, place = parameter.text("name"), _PLACES.get(parameter.text("in"))
        if place is None:
            self._losses.add(
                f"a parameter in a {parameter.text('in') or 'place that is not named'} is not sent", label
            )
            return
        if place == "header" and (name.lower() in (*_OWN_HEADERS, IDEMPOTENCY) or header_problem(name)):
            if header_problem(name):
                self._losses.add("a header that a manifest may not set is not sent", label)
            return
        if parameter.flag("allowReserved"):
            self._losses.add(
                "reserved characters (allowReserved) are sent encoded, as services read them too", label
            )
        content = next(iter(parameter.map("content").values()), None)
        flat = self._declarer.flattener.flat([content.at("schema") if content else parameter.at("schema")], label)
        if _is_deep(parameter) and flat.properties:
            if not flat.is_object:
                self._losses.add("a deepObject that may also be a single value is sent as an object only", label)
            yield from self._deep(parameter, flat, label)
            return
        if _is_deep(parameter) and "array" in flat.types:
            name = f"{name}[]"
        if _is_spread(parameter, flat):
            yield from self._spread(flat, label)
            return
        required = place == "path" or parameter.flag("required")
        declaration = self._declarer.param(flat, label, said=parameter.text("description"), required=required)
        declaration = self._declarer.with_default(declaration, flat, label, sent=required or flat.const is not None)
        yield Field(
            name,
            place,
            declaration,
            required and "default" not in declaration,
            flat.default,
            self._write(parameter, flat, bool(content), label),
        )

    def _write(self, parameter: Located, flat: Flat, as_json: bool, label: str) -> str:
        """The jq that turns the param into what the style asks for."""
        if as_json:
            return "{} | if . == null then null else tojson end"
        style = parameter.text("style") or ("form" if parameter.text("in") == "query" else "simple")
        explode = parameter.get("explode")
        if style in ("label", "matrix"):
            self._losses.add(f"the style {style} of a path is not written: the value stands alone", label)
        repeated = (style == "form" if explode is None else explode) and parameter.text("in") == "query"
        if "array" in flat.types and not repeated and style in _JOINED:
            return f'{{}} | if type == "array" then map(tostring) | join("{_JOINED[style]}") else . end'
        if flat.is_object and parameter.text("in") == "query":
            self._losses.add(f"an object in the query (style {style}) is sent as JSON text", label)
            return "{} | if . == null then null else tojson end"
        return "{}"

    def _spread(self, flat: Flat, label: str) -> Iterator[Field]:
        """An exploded object: each of its properties is a key of its own."""
        for name, schemas in flat.properties.items():
            below = self._declarer.flattener.flat(schemas, f"{label}.{name}")
            declaration = self._declarer.param(below, f"{label}.{name}")
            yield Field(name, "query", declaration, name in flat.required, below.default)

    def _deep(self, parameter: Located, flat: Flat, label: str) -> Iterator[Field]:
        """`filter[name]=…`: one field for each property."""
        flattener = self._declarer.flattener
        for name, schemas in flat.properties.items():
            below = flattener.flat(schemas, f"{label}.{name}")
            declaration = self._declarer.param(below, f"{label}.{name}")
            yield Field(
                f"{parameter.text('name')}[{name}]", "query", declaration, name in flat.required, below.default
            )


def _is_spread(parameter: Located, flat: Flat) -> bool:
    if parameter.text("in") != "query" or not flat.is_object or not flat.properties or "content" in parameter.value:
        return False
    return (parameter.text("style") or "form") == "form" and parameter.get("explode") is not False


def _is_deep(parameter: Located) -> bool:
    return parameter.text("in") == "query" and parameter.text("style") == "deepObject"


def idempotency_header(item: Located, operation: Located, losses: Losses) -> str | None:
    """The name of the operation's idempotency header, which the runtime sends itself."""
    for raw in (*item.entries("parameters"), *operation.entries("parameters")):
        parameter = resolve(raw, losses)
        if parameter.text("in") == "header" and parameter.text("name").lower() == IDEMPOTENCY:
            return parameter.text("name")
    return None
