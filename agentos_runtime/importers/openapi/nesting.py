"""Maps and lists that a query or form writes with brackets: by `nested` for a whole call, or key by key."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Body, Declaration, Field, Losses
from agentos_runtime.importers.openapi.declare import Declarer
from agentos_runtime.importers.openapi.flat import Flat


@dataclass(frozen=True, slots=True)
class Nested:
    """A field that is written with brackets."""

    whole: Field
    """One param that holds all of it."""
    apart: Callable[[], list[Field]]
    """A field for each single value that can stand in it."""
    plain: bool
    """Those fields say all that the one says."""


Written = Field | Nested
DEEPEST = 6
"""Maps in maps that have a param for each key; few services read as many, and a map may hold itself."""


def nested_field(whole: Field, flat: Flat, declarer: Declarer, label: str) -> Nested:
    """What the document calls deepObject."""

    def apart() -> list[Field]:
        return list(_apart(whole.name, whole, flat, declarer, label, required=whole.required))

    return Nested(whole, apart, _is_plain(flat, declarer))


def _is_plain(flat: Flat, declarer: Declarer) -> bool:
    if flat.types == ("array",):
        return _is_single(_entries(flat, declarer))
    if not flat.is_object or not flat.properties or flat.open:
        return False
    return all(_is_single(declarer.flattener.flat(schemas, "")) for schemas in flat.properties.values())


def _is_single(flat: Flat) -> bool:
    return not flat.properties and not {"object", "array"} & set(flat.types)


def _entries(flat: Flat, declarer: Declarer) -> Flat:
    return declarer.flattener.flat(flat.items, "") if flat.items else Flat()


def _apart(
    name: str,
    whole: Field,
    flat: Flat,
    declarer: Declarer,
    label: str,
    above: tuple[Flat, ...] = (),
    *,
    required: bool,
) -> Iterable[Field]:
    """above: the maps that it stands in."""
    if flat.types == ("array",) and _is_single(_entries(flat, declarer)):
        shown = name if "[" in name else f"{name}[]"
        yield replace(whole, name=shown, declaration=declarer.param(flat, label), required=required)
        return
    if not flat.is_object or not flat.properties:
        if {"object", "array"} & set(flat.types):
            declarer.flattener.losses.add(
                "a map of any keys, or a list of maps, cannot be sent beside a list that is repeated", label
            )
            return
        declaration: Declaration = declarer.param(flat, label, required=required)
        yield replace(
            whole, name=name, declaration=declaration, required=required, documented=flat.default, write="{}"
        )
        return
    if any(each is flat for each in above) or len(above) == DEEPEST:
        declarer.flattener.losses.add("a map that holds itself, or is deep in others, is left out", label)
        return
    for key, schemas in flat.properties.items():
        below = declarer.flattener.flat(schemas, f"{label}.{key}")
        needed = required and key in flat.required
        place = f"{label}.{key}"
        yield from _apart(f"{name}[{key}]", whole, below, declarer, place, (*above, flat), required=needed)


def settled(
    written: Sequence[Written], in_body: Sequence[Written], body: Body | None, label: str, losses: Losses
) -> tuple[list[Field], list[Field], bool]:
    """The fields of a call and of its body, and whether `nested: brackets` writes them."""
    together = (*written, *(in_body if body is not None and body.encoding == "form" else ()))
    wanted = any(isinstance(one, Nested) and not one.plain for one in together)
    spoiled = any(isinstance(one, Field) and _reads_otherwise(one) for one in together)
    nested = wanted and not spoiled
    if wanted and spoiled:
        losses.add("maps have a param for each key, since lists beside them are repeated", label)
    in_form = nested and body is not None and body.encoding == "form"
    return _fields(written, nested=nested), _fields(in_body, nested=in_form), nested


def _fields(written: Sequence[Written], *, nested: bool) -> list[Field]:
    found: list[Field] = []
    for one in written:
        if isinstance(one, Field):
            found.append(one)
        else:
            found += [one.whole] if nested else one.apart()
    return found


def _reads_otherwise(field: Field) -> bool:
    """Whether brackets would change how a field is written that the document writes without them."""
    if field.place not in ("query", "body"):
        return False
    kinds = field.declaration.get("type")
    repeated = "array" in (kinds if isinstance(kinds, list) else [kinds]) and field.write == "{}"
    return repeated or "[" in field.name or "]" in field.name
