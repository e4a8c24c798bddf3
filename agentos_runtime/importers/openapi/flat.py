"""A schema that was flattened, and how several of them become one: all at once, or what fits each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.openapi.document import Located
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_BYTES = regex(r"binary|(?:image|audio|video|font)/.+|application/(?:octet-stream|pdf|zip|gzip)")
"""Formats, and media types of texts that are encoded in no way, which are bytes."""
MOST_WAYS = 5
"""Alternatives that are still named where one of them is needed."""
MANY = 3
"""Alternatives whose fields can still be read together."""


@dataclass(frozen=True, slots=True)
class Joint:
    """Schemas that hold at once: what the parts of an allOf say of the same property."""

    parts: "tuple[Schema, ...]"

    @property
    def value(self) -> Any:
        return tuple(part.value for part in self.parts)


Schema: TypeAlias = Located | Joint


@dataclass(frozen=True, slots=True)
class Flat:
    """What a schema says that a manifest can say."""

    types: tuple[str, ...] = ()
    """Without null; empty = any."""
    nullable: bool = False
    properties: Mapping[str, tuple[Schema, ...]] = field(default_factory=dict)
    """Each property's schemas; more than one when alternatives disagree."""
    required: frozenset[str] = frozenset()
    items: tuple[Schema, ...] = ()
    enum: tuple[Json, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    default: Json = None
    example: Json = None
    description: str = ""
    name: str = ""
    """What the document calls it."""
    format: str = ""
    open: bool = False
    """It says that further properties are welcome."""
    deprecated: bool = False
    read_only: bool = False
    write_only: bool = False
    const: Json = None
    """The only value there is."""
    checked: tuple[str, ...] = ()
    """What the service checks, in words: `uuid`, `at most 100 characters`."""
    options: "tuple[Flat, ...]" = ()
    """Alternatives of which a value fits one only."""
    needed: Mapping[str, str] = field(default_factory=dict)
    """Properties that only some alternatives require → in words, what may be given in their place."""
    cut: bool = False
    """Properties that some alternatives have are not among those shown."""

    @property
    def is_object(self) -> bool:
        return self.types == ("object",) or (not self.types and bool(self.properties))

    @property
    def is_binary(self) -> bool:
        return bool(_BYTES.fullmatch(self.format)) and self.types in ((), ("string",))


def joined(one: Flat, other: Flat) -> Flat:
    """Both at once (allOf); what the first says of itself wins."""
    properties = dict(one.properties)
    for name, schemas in other.properties.items():
        known = properties.get(name)
        both = known is not None and len(known) == len(schemas) == 1 and known[0].value != schemas[0].value
        properties[name] = (Joint((*(known or ()), *schemas)),) if both else known or schemas
    enum = one.enum if other.enum is None else other.enum
    if one.enum is not None and other.enum is not None:
        enum = tuple(choice for choice in one.enum if choice in other.enum) or one.enum
    types = tuple(kind for kind in one.types if kind in other.types) or one.types or other.types
    options = _options_of(one, other)
    return replace(
        one,
        types=types,
        nullable=one.nullable or other.nullable,
        properties=properties,
        required=one.required | other.required,
        items=one.items or other.items,
        enum=enum,
        minimum=other.minimum if one.minimum is None else one.minimum,
        maximum=other.maximum if one.maximum is None else one.maximum,
        default=other.default if one.default is None else one.default,
        example=other.example if one.example is None else one.example,
        description=one.description or other.description,
        name=one.name or other.name,
        format=one.format or other.format,
        open=one.open or other.open,
        deprecated=one.deprecated,
        read_only=one.read_only or other.read_only,
        write_only=one.write_only or other.write_only,
        const=other.const if one.const is None else one.const,
        checked=tuple(dict.fromkeys((*one.checked, *other.checked))),
        cut=one.cut or other.cut,
        needed={**_needed_of(other, options), **_needed_of(one, options)},
        options=options,
    )


def _options_of(one: Flat, other: Flat) -> tuple[Flat, ...]:
    """The alternatives of both, where one has them and the other says no more than each of them does.

    So many that their fields cannot be read together have the fields of the other each.
    """
    said, beside = (one, other) if one.options else (other, one)
    fields = beside.properties.keys()
    if beside.options:
        return ()
    if all(fields <= option.properties.keys() and beside.required <= option.required for option in said.options):
        return said.options
    if len(said.options) <= MANY or any(fields & option.properties.keys() for option in said.options):
        return ()
    own = replace(beside, name="", description="")
    return tuple(joined(option, own) for option in said.options)


def _needed_of(flat: Flat, options: Sequence[Flat]) -> Mapping[str, str]:
    return needed_by(flat.options) if flat.options and not options else flat.needed


def together(types: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All types, in order; none at all when one alternative allows anything."""
    listed = list(types)
    if not all(listed):
        return ()
    kinds = dict.fromkeys(kind for each in listed for kind in each)
    return tuple(kind for kind in kinds if not (kind == "integer" and "number" in kinds))


def needed_by(options: Sequence[Flat]) -> dict[str, str]:
    """What each of several alternatives requires and others do not; nothing when one of them requires no more."""
    common = frozenset.intersection(*(option.required for option in options))
    own = [sorted(option.required - common) for option in options]
    if len(own) < 2 or not all(own) or len(own) > MOST_WAYS:
        return {}
    found: dict[str, str] = {}
    for at, names in enumerate(own):
        others = [" and ".join(other) for index, other in enumerate(own) if index != at and other != names]
        found |= {name: f"needed unless {' or '.join(others)} is given" for name in names if others}
    return found


def properties_of(objects: Sequence[Flat], most: int = MANY) -> dict[str, tuple[Schema, ...]]:
    """The properties of all; of more than `most` alternatives those that two share."""
    properties: dict[str, tuple[Schema, ...]] = {}
    uses = Counter(name for option in objects for name in option.properties)
    for option in objects:
        for name, schemas in option.properties.items():
            known = properties.setdefault(name, ())
            fresh = tuple(schema for schema in schemas if all(schema.value != other.value for other in known))
            properties[name] = known + fresh
    return {name: found for name, found in properties.items() if len(objects) <= most or uses[name] > 1}


def choices(options: Sequence[Flat]) -> tuple[Json, ...] | None:
    """All choices, when every alternative is a choice."""
    if any(option.enum is None for option in options):
        return None
    found: list[Json] = []
    for option in options:
        found += [choice for choice in option.enum or () if choice not in found]
    return tuple(found)


def common(bounds: Sequence[float | None], widest: Any) -> float | None:
    found: float | None = None if any(bound is None for bound in bounds) else widest(bounds)
    return found
