"""JSON Schemas, flattened: references followed, allOf joined, anyOf and oneOf made one shape that fits them all."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from agentos_runtime.importers.api import Losses, Told
from agentos_runtime.importers.openapi.checked import (
    LONGEST_PATTERN,
    checked_words,
    choice_of,
    exclusive_bounds,
    number_of,
    pattern_words,
)
from agentos_runtime.importers.openapi.document import Located, resolve
from agentos_runtime.importers.openapi.examples import plain_json
from agentos_runtime.importers.openapi.flat import (
    MANY,
    Flat,
    Joint,
    Schema,
    choices,
    common,
    joined,
    needed_by,
    properties_of,
    together,
)
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.secrets.shapes import holds_secret

MAX_NESTING = 12
"""Combinations inside combinations; more is a loop."""

_AS_ONE = "alternatives are shown as one: all their fields, required what all require"
_UNSAID = ("not", "if", "prefixItems", "patternProperties", "propertyNames", "dependentRequired", "contains")
_KINDS = frozenset({"string", "integer", "number", "boolean", "array", "object"})


class Flattener:
    """Flattens schemas of one import; tells its losses."""

    def __init__(self, losses: Losses) -> None:
        self.losses = losses
        self._known: dict[tuple[int, str, bool], tuple[Located, Flat, Told]] = {}
        """Schemas by what they are, which are kept so that no other is ever taken for one of them."""

    def flat(self, schemas: Sequence[Schema], place: str, depth: int = 0) -> Flat:
        """One schema, or what fits all alternatives."""
        options = [self._one(schema, place, depth) for schema in schemas]
        return options[0] if len(options) == 1 else self._union(options, place)

    def _one(self, schema: Schema, place: str, depth: int, *, alone: bool = False) -> Flat:
        """The same object for the same schema, so that what is made of it can be kept too.

        `alone`: without the kinds of it that its discriminator knows.
        """
        if isinstance(schema, Joint):
            first, *others = (self._one(part, place, depth + 1) for part in schema.parts)
            for other in others:
                first = self._both(first, other, place)
            return first
        mark = len(self.losses.heard)
        named = _named(schema.text("$ref"))
        node = resolve(schema, self.losses) if named else schema
        if not isinstance(node.value, Mapping) or depth > MAX_NESTING:
            return Flat(name=named)
        known = self._known.get((id(node.value), named, alone))
        if known is not None:
            self.losses.again(known[2], place)
            return known[1]
        flat = self._made(replace(self._own(node, place), name=named), node, place, depth)
        if not alone:
            flat = self._with_kinds(flat, node, place, depth)
        if depth <= MAX_NESTING // 2:  # what lies deeper may have been cut
            self._known[id(node.value), named, alone] = (node, flat, self.losses.since(mark, place))
        return flat

    def _made(self, flat: Flat, node: Located, place: str, depth: int) -> Flat:
        """What a schema says itself, and all that it is combined of."""
        for part in node.entries("allOf"):
            flat = self._both(flat, self._one(part, place, depth + 1, alone=True), place)
        told = bool(node.at("discriminator").text("propertyName"))
        for keyword in ("anyOf", "oneOf"):
            options = [self._one(option, place, depth + 1, alone=told) for option in node.entries(keyword)]
            if options:
                options = [
                    replace(one, required=one.required | flat.required & one.properties.keys()) for one in options
                ]
                options = self._told_apart(options, node, place)
                flat = self._both(flat, self._union(options, place, exclusive=keyword == "oneOf"), place)
        return flat

    def _both(self, one: Flat, other: Flat, place: str) -> Flat:
        """What holds at once; alternatives beside fields of their own become one shape with them."""
        both = joined(one, other)
        if (one.options or other.options) and not both.options:
            self.losses.add(_AS_ONE, place)
        return both

    def _with_kinds(self, flat: Flat, node: Located, place: str, depth: int) -> Flat:
        """With the kinds of it that are named by its discriminator only: each is made of it and of more."""
        targets = dict.fromkeys(
            target.value
            for target in node.at("discriminator").map("mapping").values()
            if isinstance(target.value, str)
        )
        if "oneOf" in node.value or "anyOf" in node.value or len(targets) < 2:
            return flat
        kinds = [
            self._one(Located({"$ref": _reference(one)}, node.resolver), place, depth + 1, alone=True)
            for one in targets
        ]
        kinds = [replace(joined(one, flat), name=one.name) for one in kinds if one.is_object]
        if len(kinds) < 2:
            return flat
        union = self._union(self._told_apart(kinds, node, place), place)
        return replace(union, name=flat.name, description=flat.description, nullable=flat.nullable, open=flat.open)

    def _own(self, node: Located, place: str) -> Flat:
        value = node.value
        self._note(value, place)
        types, nullable = _types(value)
        enum, enum_null = _enum(value, types)
        minimum, maximum = _bounds(value)
        additional = value.get("additionalProperties")
        return Flat(
            types=types or (("object",) if "properties" in value else ("array",) if "items" in value else ()),
            nullable=nullable or enum_null,
            properties={name: (below,) for name, below in node.map("properties").items()},
            required=frozenset(node.texts("required")),
            items=(node.at("items"),) if "items" in value else (),
            enum=enum,
            minimum=minimum,
            maximum=maximum,
            default=choice_of(_harmless(value.get("default")), types),
            example=_example(value),
            description=node.text("description") or node.text("title"),
            format=node.text("format") or (node.text("contentMediaType") if "contentEncoding" not in value else ""),
            open=additional is True or (isinstance(additional, Mapping) and bool(additional)),
            deprecated=node.flag("deprecated"),
            read_only=node.flag("readOnly"),
            write_only=node.flag("writeOnly"),
            const=choice_of(plain_json(value.get("const")), types),
            checked=checked_words(value),
        )

    def _note(self, value: Mapping[str, Any], place: str) -> None:
        pattern = str(value.get("pattern") or "")
        if len(pattern) > LONGEST_PATTERN and pattern_words(pattern) is None:
            self.losses.add("a pattern is too long to be said; only the service checks it", place)
        for keyword in _UNSAID:
            if keyword in value:
                self.losses.add(f"`{keyword}` cannot be said", place)

    def _union(self, options: Sequence[Flat], place: str, *, exclusive: bool = False) -> Flat:
        """What fits all alternatives; `exclusive`: a value is never two of them."""
        real = [option for option in options if option.types or option.properties or option.enum is not None]
        nullable = any(option.nullable for option in options)
        if len(real) == 1 and len(options) - len(real) <= sum(_is_null(option) for option in options):
            return replace(real[0], nullable=True if nullable else real[0].nullable)
        real = [option for option in options if not _is_null(option)]
        if not real:
            return Flat(nullable=nullable)
        objects = [option for option in real if option.is_object]
        apart = self._are_apart(real, place, exclusive)
        if apart:
            pass
        elif len(objects) > MANY:
            self.losses.add(
                f"of more than {MANY} alternatives, only fields that two of them share are shown", place
            )
        elif len(objects) > 1:
            self.losses.add(_AS_ONE, place)
        properties = properties_of(objects)
        return Flat(
            types=together(option.types for option in real),
            nullable=nullable,
            properties=properties,
            required=frozenset.intersection(*(option.required for option in objects)) if objects else frozenset(),
            items=tuple(item for option in real for item in option.items),
            enum=choices(real),
            minimum=common([option.minimum for option in real], min),
            maximum=common([option.maximum for option in real], max),
            options=tuple(real) if apart else (),
            needed={} if apart else needed_by(real),
            open=any(option.open for option in real),
            cut=any(option.cut or option.properties.keys() - properties.keys() for option in objects),
            format=real[0].format if len({option.format for option in real}) == 1 else "",
        )

    def _are_apart(self, options: Sequence[Flat], place: str, exclusive: bool) -> bool:
        """Whether a value fits one of them only: each has types of its own, or is an object that a required
        property with a choice of its own tells, or one that the others cannot have.
        """
        kinds = [set(option.types or (("object",) if option.properties else ())) for option in options]
        if len(options) < 2 or not all(kinds) or not any(option.properties for option in options):
            return False
        objects = [option for option in options if option.is_object]
        plain = [
            kind | ({"integer"} if "number" in kind else set())
            for kind, option in zip(kinds, options, strict=True)
            if not option.is_object
        ]
        if sum(map(len, plain)) != len(set().union(*plain)) or any("object" in kind for kind in plain):
            return False
        if len(objects) < 2 or any(self._tells(name, objects, place) for name in objects[0].required):
            return True
        return exclusive and all(
            other.required & other.properties.keys() - one.properties.keys()
            for one, other in permutations(objects, 2)
        )

    def _tells(self, name: str, objects: Sequence[Flat], place: str) -> bool:
        choices = [self._choice(option, name, place) for option in objects]
        return all(choices) and sum(map(len, choices)) == len(set().union(*choices))

    def _choice(self, option: Flat, name: str, place: str) -> list[str]:
        """The few values that a property must have one of; none when it may be left out or be anything."""
        if name not in option.properties or name not in option.required:
            return []
        choices = self.flat(option.properties[name], place, MAX_NESTING - 2).enum or ()
        return [choice for choice in choices if isinstance(choice, str)]

    def _told_apart(self, options: list[Flat], node: Located, place: str) -> list[Flat]:
        """Alternatives whose `discriminator` says what each is called, with that as the choice of its property."""
        said = node.at("discriminator")
        name = said.text("propertyName")
        if not name or not all(option.is_object and name in option.properties for option in options):
            return options
        called: dict[str, list[str]] = {}
        for key, target in said.map("mapping").items():
            if isinstance(target.value, str):
                called.setdefault(_named(target.value), []).append(key)
        told: list[Flat] = []
        for option in options:
            known = self.flat(option.properties[name], place, MAX_NESTING - 2).enum
            values = called.get(option.name) or ([option.name] if option.name else [])
            fitting = [value for value in values if known is None or value in known]
            if fitting and (known is None or (option.name in called and len(fitting) < len(known))):
                own: Schema = Located({"type": "string", "enum": fitting}, node.resolver)
                option = replace(option, properties={**option.properties, name: (own,)})
            told.append(replace(option, required=option.required | {name}))
        return told


def _named(reference: str) -> str:
    """What a schema is called that is referred to: the last word of a pointer, or a file of its own."""
    return re.sub(r"\.(?:ya?ml|json)$", "", reference.rpartition("/")[2])


def _reference(target: str) -> str:
    """What a discriminator maps to: a reference, or the bare name of a schema."""
    return target if re.search("[#/]|[.](?:ya?ml|json)", target) else f"#/components/schemas/{target}"


def _is_null(option: Flat) -> bool:
    return option.nullable and not option.types and not option.properties


_WORDS: Mapping[str, str] = {
    **{kind: kind for kind in ("string", "integer", "number", "boolean", "array", "object")},
    **dict.fromkeys(("int", "int32", "int64", "long"), "integer"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **dict.fromkeys(("str", "text", "date", "datetime", "date-time", "uuid", "email", "uri", "url"), "string"),
    "bool": "boolean",
    "list": "array",
}
"""Types as documents name them that no validator has read."""


def _types(value: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    said = value.get("type")
    listed = said if isinstance(said, list) else [said]
    said_otherwise = [_WORDS.get(kind.lower(), kind) if isinstance(kind, str) else kind for kind in listed]
    kinds = tuple(dict.fromkeys(kind for kind in said_otherwise if isinstance(kind, str) and kind in _KINDS))
    if value.get("format") == "int-or-string":
        kinds = ("string", "integer")
    return kinds, "null" in listed or True in (value.get("nullable"), value.get("x-nullable"))


def _enum(value: Mapping[str, Any], types: Sequence[str]) -> tuple[tuple[Json, ...] | None, bool]:
    choices = [value["const"]] if "const" in value else value.get("enum")
    if not isinstance(choices, list) or not choices:
        return None, False
    said = [choice_of(plain_json(choice), types) for choice in choices if choice is not None]
    return tuple(said) or None, None in choices


def _bounds(value: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Inclusive bounds; an exclusive one of an integer is the next integer, another is said in words."""
    low, high = number_of(value.get("minimum")), number_of(value.get("maximum"))
    whole = value.get("type") == "integer"
    above, below = exclusive_bounds(value)
    low = low if above is None else above + 1 if whole else None
    high = high if below is None else below - 1 if whole else None
    return low, high


def _example(value: Mapping[str, Any]) -> Json:
    examples = value.get("examples")
    return _harmless(value.get("example", examples[0] if isinstance(examples, list) and examples else None))


def _harmless(value: Any) -> Json:
    """None for what looks like a key."""
    plain = plain_json(value)
    return None if holds_secret(plain) else plain
