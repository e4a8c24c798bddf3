"""An OpenAPI document: read as YAML 1.2 or JSON, bounded, its references resolved.

References are resolved by `referencing`; what another file says is fetched by the function that the caller gives,
so that this module touches neither disk nor network.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import yaml
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable

from agentos_runtime import jsontext
from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.openapi.swagger import as_openapi
from agentos_runtime.importers.openapi.written import written

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 200
MAX_EXPANDED = 5_000_000
MAX_CHAIN = 50
TOO_DEEP = "The document is nested too deeply, or its aliases stand for too much"

Fetch: TypeAlias = Callable[[str], bytes]
"""Gives the bytes at an address that a reference names; raises ImportProblem."""

_Resolver: TypeAlias = Any
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_CORE_SCHEMA: Sequence[tuple[str, str, str]] = (
    ("null", r"null|Null|NULL|~|", "nN~"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("merge", r"<<", "<"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
)
"""Tag, pattern, first characters."""


_MERGE = "tag:yaml.org,2002:merge"


def _merge(loader: Any, node: Any) -> None:
    """Put what `<<` names in its place: of several maps the first that has a key, and a map's own keys over all.

    PyYAML 6.0.4 takes the last one of several. Raises ConstructorError.
    """
    node.value = _each_once(loader, node.value)
    merged: dict[str, Any] = {}
    for key, value in node.value:
        for one in (value.value if isinstance(value, yaml.SequenceNode) else [value]) if key.tag == _MERGE else ():
            if not isinstance(one, yaml.MappingNode):
                raise yaml.constructor.ConstructorError(None, None, "`<<` names no map", value.start_mark)
            _merge(loader, one)
            for pair in one.value:
                merged.setdefault(str(pair[0].value), pair)
    node.value = written([*merged.values(), *(pair for pair in node.value if pair[0].tag != _MERGE)])


def _each_once(loader: Any, pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The pairs of a map with each key once; `loader.twice` has the others, with their lines.

    Of two maps, as of a path that stands twice, all that only one of them has is taken.
    """
    found: dict[Any, tuple[Any, Any]] = {}
    for key, value in pairs:
        name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE else id(key)
        if name in found:
            loader.twice = [*(loader.twice or ()), f"{key.value} (line {key.start_mark.line + 1})"]
            value = _both(found[name][1], value)
        found[name] = (key, value)
    return [*found.values()]


def _both(first: Any, second: Any) -> Any:
    if not isinstance(first, yaml.MappingNode) or not isinstance(second, yaml.MappingNode):
        return second
    later = {key.value for key, _ in second.value if isinstance(key, yaml.ScalarNode)}
    kept = [pair for pair in first.value if not isinstance(pair[0], yaml.ScalarNode) or pair[0].value not in later]
    return yaml.MappingNode(second.tag, [*kept, *second.value], second.start_mark, second.end_mark)


def _core_loader() -> Any:
    """A loader for YAML 1.2's core schema, as OpenAPI asks for: `no` and dates are text.

    `<<` merges all the same, as in the tools that people write documents with.
    """
    loader: Any = type(
        "CoreLoader", (_Base,), {"yaml_implicit_resolvers": {}, "flatten_mapping": _merge, "twice": None}
    )
    for tag, pattern, first in _CORE_SCHEMA:
        starts = [*first, ""] if tag == "null" else [*first]
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), starts)
    return loader


_Loader: Any = _core_loader()


@dataclass(frozen=True, slots=True)
class Located:
    """A part of a document, and where its own references are looked up."""

    value: Any
    resolver: _Resolver

    def get(self, key: str) -> Any:
        """What stands below the key; None for nothing, and when this is no map."""
        return self.value.get(key) if isinstance(self.value, Mapping) else None

    def at(self, key: str) -> "Located":
        return Located(self.get(key), self.resolver)

    def map(self, key: str) -> dict[str, "Located"]:
        """The entries of a map below the key; empty when there is none."""
        below = self.get(key)
        if not isinstance(below, Mapping):
            return {}
        return {str(name): Located(value, self.resolver) for name, value in below.items()}

    def entries(self, key: str) -> list["Located"]:
        below = self.get(key)
        return [Located(value, self.resolver) for value in below] if isinstance(below, list) else []

    def text(self, key: str) -> str:
        below = self.get(key)
        return below if isinstance(below, str) else ""

    def flag(self, key: str) -> bool:
        return self.get(key) is True

    def texts(self, key: str) -> list[str]:
        below = self.get(key)
        return [one for one in below if isinstance(one, str)] if isinstance(below, Sequence) else []


def open_document(data: bytes, address: str, fetch: Fetch, losses: Losses) -> Located:
    """The whole document. Raises ImportProblem for what is no OpenAPI 3 and no Swagger 2.0."""
    content = read(data, losses)
    if not isinstance(content, dict):
        raise ImportProblem("This is no OpenAPI document: it is no map of keys")
    check_version(content)
    if "swagger" in content:
        content = as_openapi(content, address, losses)

    def retrieve(uri: str) -> Resource[Any]:
        return Resource.opaque(read(fetch(uri), losses))

    registry: Registry[Any] = Registry(retrieve=retrieve).with_resource(address, Resource.opaque(content))  # type: ignore[call-arg]  # attrs gives `_retrieve` this name
    own = content.get("$self")
    if isinstance(own, str) and own.startswith(("https://", "http://")):  # what references of 3.2 call it
        registry = registry.with_resource(own, Resource.opaque(content))
    return Located(content, registry.resolver(address))


def check_version(content: Mapping[str, Any]) -> None:
    version = str(content.get("openapi", ""))
    if version.startswith("3."):
        return
    swagger = str(content.get("swagger", ""))
    if swagger.startswith("2"):
        return
    said = f"it says openapi: {version[:20]}" if version else "it has no `openapi` key"
    said = f"it says swagger: {swagger[:20]}" if swagger else said
    other = next((fix for keys, fix in _OTHER_FORMATS if keys <= content.keys()), None)
    raise ImportProblem(f"This is no OpenAPI 3 or Swagger 2.0 document: {other or said}{_named(content)}")


_OTHER_FORMATS = (
    (frozenset({"info", "item"}), "it is a Postman collection, which `agentos import postman` reads"),
    (frozenset({"log"}), "it looks like a recording of a browser, which `agentos import har` reads"),
    (frozenset({"asyncapi"}), "it is an AsyncAPI document, which describes messages, and no calls"),
    (frozenset({"discoveryVersion"}), "it is a description in Google's own format: convert it to OpenAPI first"),
    (frozenset({"kind", "rootUrl"}), "it is a description in Google's own format: convert it to OpenAPI first"),
    (
        frozenset({"swaggerVersion"}),
        "it is Swagger 1, whose parts are files of their own: convert it to OpenAPI 3 first",
    ),
    (
        frozenset({"mcpServers"}),
        "it names servers of MCP, which are programs: what they call is not described there",
    ),
    (frozenset({"_postman_variable_scope"}), "it is a Postman environment: export the collection"),
    (frozenset({"__export_format"}), "it is an export of Insomnia: export it as HAR or OpenAPI"),
)
"""Keys that other formats have, and what to do with a file of theirs."""


def _named(content: Mapping[str, Any]) -> str:
    """The document that a file of another kind names, as the manifest of a plugin does."""
    api = content.get("api")
    address = api.get("url") if isinstance(api, Mapping) else None
    plain = isinstance(address, str) and address.startswith("https://") and len(address) < 200
    return f". It names one: {address}" if plain else ""


def resolve(node: Located, losses: Losses) -> Located:
    """What a node stands for: references followed, what stands beside a `$ref` laid over what it names."""
    beside: dict[str, Any] = {}
    for _ in range(MAX_CHAIN):
        if not isinstance(node.value, Mapping) or not isinstance(node.value.get("$ref"), str):
            if beside and isinstance(node.value, Mapping):
                return Located({**node.value, **beside}, node.resolver)
            return node
        reference = node.value["$ref"]
        beside = {**{k: v for k, v in node.value.items() if k != "$ref"}, **beside}
        try:
            found = node.resolver.lookup(reference)
        except (Unresolvable, TypeError, ValueError) as error:  # a pointer into what is no map
            reason = _reason(error)
            losses.add(f"a reference leads nowhere{reason}, so what it names is missing", reference)
            return Located(beside, node.resolver)
        node = Located(found.contents, found.resolver)
    losses.add("a reference leads back to itself", str(node.value.get("$ref")))
    return Located({}, node.resolver)


def media_types(node: Located, losses: Losses) -> dict[str, Located]:
    """The `content` of a body, an answer or a parameter, by type; since 3.2 one may stand elsewhere."""
    return {kind: resolve(media, losses) for kind, media in node.map("content").items()}


def _reason(error: BaseException) -> str:
    """Why another file could not be read, in brackets."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportProblem):
            return f" ({cause})"
        cause = cause.__cause__ or cause.__context__
    return ""


# ------------------------------------------------------------------ reading


def read(data: bytes, losses: Losses) -> Any:
    """JSON or YAML, within bounds. Raises ImportProblem."""
    if len(data) > MAX_BYTES:
        raise ImportProblem(f"The document is larger than {MAX_BYTES // (1024 * 1024)} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportProblem(f"The document is not UTF-8 (byte {error.start})") from None
    if text.lstrip()[:1] == "{":
        try:
            return jsontext.parse(text)
        except jsontext.JsonTextError:
            pass
    try:
        _scan(text)
        return _loaded(text, losses)
    except ImportProblem:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        if "nesting depth" in str(error.problem):  # libyaml's own bound, since PyYAML 6.0.4
            raise ImportProblem(TOO_DEEP) from None
        raise ImportProblem(f"The document is neither YAML nor JSON: {error.problem}{where}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ImportProblem(f"The document is neither YAML nor JSON: {type(error).__name__}") from None


def _loaded(text: str, losses: Losses) -> Any:
    loader = _Loader(text)
    try:
        content = loader.get_single_data()
    finally:
        loader.dispose()
    for place in loader.twice or ():
        losses.add("a key stands twice in a map: the last one counts, and of maps what only one has, too", place)
    return content


def _scan(text: str) -> None:
    """Refuse what would explode or overflow while it is built: events are cheap, and libyaml's do not recurse."""
    depth = 0
    open_at: list[tuple[str | None, int]] = []
    sizes: dict[str, int] = {}
    total = 0
    for event in yaml.parse(text, _Base):
        total += 1
        if isinstance(event, _OPENING):
            open_at.append((event.anchor, total))
            depth = max(depth, len(open_at))
        elif isinstance(event, _CLOSING):
            anchor, start = open_at.pop()
            if anchor:
                sizes[anchor] = total - start
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes and any(anchor == event.anchor for anchor, _ in open_at):
                raise ImportProblem("An alias in the document holds itself")
            total += sizes.get(str(event.anchor), 1)
        if len(open_at) > MAX_DEPTH or total > MAX_EXPANDED:
            raise ImportProblem(TOO_DEEP)
