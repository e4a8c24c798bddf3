"""`one_of`: a value has exactly one of several shapes. What is wrong with them whatever the value is told here."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.shapes import Shape, type_names
from agentos_runtime.manifest.yaml.values import Cursor

_Schema: TypeAlias = Mapping[str, Any]
_SAY_NOTHING = frozenset({"type", "description", "examples"})
_NOT_HERE: Mapping[str, tuple[str, str]] = {
    "required": ("a shape of `one_of` is not required by itself", "Write `required: true` beside `one_of`"),
    "default": ("a default in a shape of `one_of` is never put in", "Write it beside `one_of`"),
}


def typed(branch: dict[str, Json], above: _Schema) -> dict[str, Json]:
    """A shape with a type: its own, or what stands beside `one_of`."""
    own = branch.keys() & {"type", "enum", "oneOf"}
    return branch if own or "type" not in above else {"type": above["type"], **branch}


def check_branches(cursor: Cursor, branches: Sequence[_Schema], above: _Schema, report: Report) -> None:
    """Report shapes that no value has, or none has alone; `above` is what stands beside `one_of`."""
    entries = [*cursor.elements()]
    if len(entries) == 1:
        report.error(cursor.key_place, "`one_of` has one shape", "Write it without `one_of`", cursor.key_length)
        return
    if not all(_is_sound(entry, branch) for entry, branch in zip(entries, branches, strict=True)):
        return
    for entry, branch in zip(entries, branches, strict=True):
        for key, (message, fix) in _NOT_HERE.items():
            below = entry.get(key)
            if below is not None:
                report.error(below.key_place, message, fix, below.key_length)
        reason = _impossible(branch, above)
        if reason is not None:
            report.error(entry.place, *reason, entry.length)
    _report_overlaps(entries, branches, report)


def _is_sound(entry: Cursor, branch: _Schema) -> bool:
    """Whether it is a declaration whose type is one; when not, the manifest's schema has already said so."""
    return isinstance(entry.json, dict) and (entry.get("type") is None or "type" in branch)


def _impossible(branch: _Schema, above: _Schema) -> tuple[str, str] | None:
    """Why no value could have the shape, and what to do."""
    if not branch.keys() & {"type", "enum", "oneOf"}:
        return "a shape of `one_of` says no type, so that every value has it", "Add `type: …`"
    kinds, allowed = type_names(branch), type_names(above)
    if "type" in above and kinds and not kinds & _widened(allowed):
        words = " or ".join(sorted(allowed))
        return f"nothing has this shape: `type` beside `one_of` allows {words} only", "Change one of the two"
    choices = above.get("enum")
    shape = Shape(branch)
    if choices and all(shape.problems(choice) for choice in choices):
        return "nothing has this shape: none of the `enum` beside `one_of` does", "Change one of the two"
    return None


def _report_overlaps(entries: Sequence[Cursor], branches: Sequence[_Schema], report: Report) -> None:
    for index, (entry, branch) in enumerate(zip(entries, branches, strict=True)):
        for other, wider in enumerate(branches):
            if other == index:
                continue
            if _bare(branch) == _bare(wider):
                if other < index:
                    message = (
                        f"this shape is the same as number {other + 1} of `one_of`, so no value has exactly one"
                    )
                    report.error(entry.place, message, "Remove one", entry.length)
            elif _takes_all_of(wider, branch):
                message = (
                    f"whatever has this shape also has number {other + 1} of `one_of`, so it never has exactly one"
                )
                report.error(entry.place, message, "Narrow the wider one, or remove this", entry.length)
            else:
                _report_choices(entry, Shape(wider), other, report)


def _report_choices(entry: Cursor, wider: Shape, number: int, report: Report) -> None:
    choices = entry.get("enum")
    for choice in choices.elements() if choices else ():
        if not wider.problems(choice.json):
            message = f"this choice also has shape number {number + 1} of `one_of`, so it is always refused"
            report.error(choice.place, message, "Let one shape have it", choice.length)


def _takes_all_of(wider: _Schema, narrower: _Schema) -> bool:
    """Whether the wider one is nothing but a type, and the narrower one is of it."""
    kinds = type_names(narrower)
    return (
        bool(kinds) and "type" in wider and not wider.keys() - _SAY_NOTHING and kinds <= _widened(type_names(wider))
    )


def _widened(kinds: frozenset[str]) -> frozenset[str]:
    return kinds | {"integer"} if "number" in kinds else kinds


def _bare(schema: Any) -> Any:
    """The schema without what it says to people."""
    if isinstance(schema, dict):
        return {name: _bare(below) for name, below in schema.items() if name not in ("description", "examples")}
    return [_bare(below) for below in schema] if isinstance(schema, list) else schema
