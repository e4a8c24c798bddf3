"""Flattened schemas become declarations of params, and of what comes back."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from agentos_runtime.importers.api import Declaration, Losses, Told
from agentos_runtime.importers.declarations import DEEPEST, MAX_DEPTH, WORTH_SAYING, ordered, with_note
from agentos_runtime.importers.messages import summary
from agentos_runtime.importers.openapi.flat import Flat, Schema
from agentos_runtime.importers.openapi.schemas import Flattener
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.params import JSON_TYPES
from agentos_runtime.manifest.secrets.shapes import holds_secret
from agentos_runtime.manifest.shapes import Shape

MOST_CHOICES = 40
MOST_PROPERTIES = 60
"""Of an object inside a param; more are a map with names that nobody reads."""
LONGEST_EXAMPLE = 60
LITTLE = 40
"""Values of a param that is described more than the usual levels deep."""
MOST_OPEN = 40
"""Schemas in each other, lists and alternatives counted; more is a loop."""

_Key: TypeAlias = tuple[int, str, int, bool, int]


class Declarer:
    """Writes declarations for one import."""

    def __init__(self, flattener: Flattener, losses: Losses) -> None:
        self.flattener = flattener
        self._losses = losses
        self._said: dict[tuple[str, int, int], str] = {}
        self._known: dict[_Key, tuple[Flat, Declaration, Told]] = {}
        self._counted: dict[tuple[int, int], tuple[Flat, int]] = {}
        self._deepest = MAX_DEPTH
        """Levels of the param that is being declared."""
        self._open: set[_Key] = set()
        """What is being declared just now."""
        self._above: list[int] = []
        """What is being counted just now."""

    def param(self, flat: Flat, place: str, *, said: str = "", required: bool = False) -> Declaration:
        """A param's declaration at the top level, without `required`."""
        self._deepest = self._levels(flat)
        declaration = self._declared(flat, place, said, self._deepest, top=True)
        example = flat.example
        small = (
            not isinstance(example, dict | list) and example is not None and len(str(example)) <= LONGEST_EXAMPLE
        )
        if required and small and not Shape(declaration).problems(example):
            declaration = {**declaration, "example": example}
        return ordered(declaration)

    def with_default(self, declaration: Declaration, flat: Flat, place: str, *, sent: bool) -> Declaration:
        """What is always sent as a default (the only value there is, or that of a required param); else in words.

        A documented default is the service's: what it does when nothing is sent.
        """
        default = flat.const if sent and flat.const is not None else flat.default
        if default is None or default in ([], {}) or holds_secret(default, _last_name(place)):
            return declaration
        if sent and not Shape(declaration).problems(default):
            return ordered({**declaration, "default": default})
        return ordered({**declaration, "description": with_note(declaration, f"default: {_shown(default)}")})

    def returned(self, flat: Flat, place: str) -> Json:
        """What a reply looks like, for `returns`: a map of the top level, a type, or None for anything."""
        if flat.is_object and flat.properties:
            wide = len(flat.properties) > 2
            return {
                name: self._returned_property(self.flattener.flat(below, f"{place}.{name}"), 1 if wide else 2)
                for name, below in flat.properties.items()
            }
        if flat.types == ("array",):
            return "array"
        return flat.types[0] if len(flat.types) == 1 and flat.types[0] in JSON_TYPES else None

    def _returned_property(self, flat: Flat, depth: int) -> Json:
        declaration: Declaration = {}
        if len(flat.types) == 1:
            declaration["type"] = flat.types[0]
        said = self._summary(flat.description, 100, 1)
        if flat.enum and len(flat.enum) <= 8 and not any(str(choice) in said for choice in flat.enum):
            said = f"{said}: {_listed(flat.enum)}" if said else _listed(flat.enum)
        if said:
            declaration["description"] = said
        if depth > 1:
            declaration |= self._returned_below(flat, depth)
        if not declaration:
            return "any"
        return declaration["type"] if declaration.keys() == {"type"} else declaration

    def _returned_below(self, flat: Flat, depth: int) -> Declaration:
        rows = self.flattener.flat(flat.items, "") if flat.types == ("array",) and flat.items else None
        if rows is not None and rows.properties:
            return {"items": {"type": "object", "properties": self._returned_properties(rows, depth - 1)}}
        if flat.is_object and flat.properties:
            return {"properties": self._returned_properties(flat, depth - 1)}
        return {}

    def _returned_properties(self, flat: Flat, depth: int) -> Json:
        return {
            name: self._returned_property(self.flattener.flat(below, ""), depth)
            for name, below in flat.properties.items()
        }

    def _summary(self, text: str, longest: int = 160, sentences: int = 2) -> str:
        """Documents say the same of many things."""
        key = (text, longest, sentences)
        if key not in self._said:
            self._said[key] = summary(text, longest, sentences)
        return self._said[key]

    # -------------------------------------------------------------- params

    def _levels(self, flat: Flat) -> int:
        """How deep a param is described: deeper than usual, as long as it stays small."""
        with self._losses.muted():
            usual = self._count(flat, MAX_DEPTH)
            for depth in range(DEEPEST, MAX_DEPTH, -1):
                count = self._count(flat, depth)
                if count == usual:
                    return MAX_DEPTH
                if count <= LITTLE:
                    return depth
        return MAX_DEPTH

    def _count(self, flat: Flat, depth: int) -> int:
        """How many values are described of a schema, this deep; too many, where it holds itself."""
        if id(flat) in self._above:
            return LITTLE + 1
        known = self._counted.get((id(flat), depth))
        if known is not None:
            return known[1]
        count = 1
        self._above.append(id(flat))
        for below, levels in self._under(flat, depth) if len(self._above) <= MOST_OPEN else ():
            count += self._count(below, levels)
            if count > LITTLE:
                break
        self._above.pop()
        self._counted[id(flat), depth] = (flat, count)
        return count

    def _under(self, flat: Flat, depth: int) -> Iterator[tuple[Flat, int]]:
        for option in flat.options:
            yield option, depth
        if flat.items and "array" in flat.types:
            yield self.flattener.flat(flat.items, ""), depth
        for schemas in flat.properties.values() if depth > 1 and not flat.options else ():
            yield self.flattener.flat(schemas, ""), depth - 1

    def _declared(self, flat: Flat, place: str, said: str, depth: int, *, top: bool = False) -> Declaration:
        """A declaration that nobody changes: the same for the same schema at the same depth."""
        key = (id(flat), said, depth, top, self._deepest)
        known = self._known.get(key)
        if known is None:
            if key in self._open or len(self._open) > MOST_OPEN:
                self._losses.add("what holds itself without end is described once", place)
                return {"type": flat.types[0]} if len(flat.types) == 1 else {}
            self._open.add(key)
            mark = len(self._losses.heard)
            declaration = self._of(flat, place, said, depth, top)
            self._open.remove(key)
            self._known[key] = (flat, declaration, self._losses.since(mark, place))
            return declaration
        self._losses.again(known[2], place)
        return known[1]

    def _of(self, flat: Flat, place: str, said: str, depth: int, top: bool) -> Declaration:
        declaration: Declaration = {}
        if flat.types:
            declaration["type"] = flat.types[0] if len(flat.types) == 1 else list(flat.types)
        text = flat.description if len(flat.description) >= len(said) else said
        description = self._summary(text) if top else self._summary(text, 120, 1)
        if description:
            declaration["description"] = description
        crossed = flat.minimum is not None and flat.maximum is not None and flat.minimum > flat.maximum
        for keyword, bound in (("minimum", flat.minimum), ("maximum", flat.maximum)):
            if bound is not None and not crossed and {"integer", "number"} & set(flat.types or ("number",)):
                declaration[keyword] = bound
        self._choices(declaration, flat, place)
        if flat.format in WORTH_SAYING and WORTH_SAYING[flat.format].split()[0] not in description:
            declaration["description"] = with_note(declaration, WORTH_SAYING[flat.format])
        if flat.deprecated:
            words = str(declaration.get("description", ""))
            if "deprecated" not in words.lower():
                declaration["description"] = f"Deprecated. {words}".strip()
        for note in _notes(flat, str(declaration.get("description", ""))):
            declaration["description"] = with_note(declaration, note)
        if depth > 1 and flat.options and all(len(one.properties) <= MOST_PROPERTIES for one in flat.options):
            self._alternatives(declaration, flat, place, min(depth, self._deepest - 1))
        else:
            self._below(declaration, flat, place, depth, top)
        return ordered(declaration)

    def _alternatives(self, declaration: Declaration, flat: Flat, place: str, depth: int) -> None:
        """`one_of`, where every value fits one of the alternatives only."""
        declaration.pop("type", None)
        declaration["one_of"] = [
            self._declared(option, f"{place}[{number}]", "", depth) for number, option in enumerate(flat.options, 1)
        ]

    def _choices(self, declaration: Declaration, flat: Flat, place: str) -> None:
        if flat.enum is None:
            return
        without = {key: value for key, value in declaration.items() if key in ("type", "minimum", "maximum")}
        shape = Shape(without)
        choices = [choice for choice in flat.enum if not shape.problems(choice)]
        if len(choices) < len(flat.enum):
            self._losses.add("choices that are not of the declared type are left out", place)
        if len(choices) > MOST_CHOICES:
            self._losses.add(f"more than {MOST_CHOICES} choices are described, not checked", place)
            declaration["description"] = with_note(declaration, f"{len(choices)} values: {_listed(choices[:3])}, …")
        elif choices:
            declaration["enum"] = choices

    def _below(self, declaration: Declaration, flat: Flat, place: str, depth: int, top: bool) -> None:
        if flat.items and "array" in flat.types:
            entries = self.flattener.flat(flat.items, f"{place}[]")
            if entries.nullable:
                self._losses.add("a null among the entries of a list cannot be sent", f"{place}[]")
            below = self._declared(entries, f"{place}[]", "", depth)
            if below:
                declaration["items"] = below
        if not flat.properties or (flat.types and "object" not in flat.types):
            return
        if len(flat.properties) > MOST_PROPERTIES and not top:
            self._losses.add(f"objects of more than {MOST_PROPERTIES} properties are not described", place)
            return
        if depth <= 1:
            self._losses.add(
                f"what lies more than {MAX_DEPTH} levels deep is described only where there is little of it", place
            )
            return
        properties: dict[str, Json] = {
            name: self._property(schemas, f"{place}.{name}", name in flat.required, depth - 1)
            for name, schemas in flat.properties.items()
        }
        for name, note in flat.needed.items():
            one = properties.get(name)
            if isinstance(one, dict) and "required" not in one:
                properties[name] = ordered({**one, "description": with_note(one, note)})
        shown = {name: below for name, below in properties.items() if below is not None}
        if shown:
            declaration["properties"] = {**shown}

    def _property(self, schemas: Sequence[Schema], place: str, required: bool, depth: int) -> Json:
        flat = self.flattener.flat(schemas, place)
        if flat.read_only:
            return None
        declaration = self._declared(flat, place, "", depth)
        declaration = self.with_default(declaration, flat, place, sent=False)
        if required and flat.nullable:
            return ordered({**declaration, "description": with_note(declaration, "needed, and may be null")})
        return ordered({**declaration, "required": True}) if required else declaration


def _notes(flat: Flat, said: str) -> Iterator[str]:
    """What the service checks and a manifest does not, in words."""
    for word in flat.checked:
        if word not in said:
            yield word


def _last_name(place: str) -> str:
    """`GET /things filter.token[]` → token."""
    return re.split(r"[\s.]", place.rstrip("[]"))[-1]


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST_EXAMPLE else text[:LONGEST_EXAMPLE] + "…"


def _listed(choices: Sequence[Json]) -> str:
    return ", ".join(map(_shown, choices))
