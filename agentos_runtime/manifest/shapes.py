"""JSON Schemas of params and replies, compiled to functions.

Only the keywords that a manifest can write: type, enum, minimum, maximum, items, properties, required,
additionalProperties. They mean what JSON Schema 2020-12 means by them; the compiled form answers in a few
microseconds, names every problem with its path, and never puts a value into a message.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agentos_runtime.errors import ParamProblem
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.near import nearest

MOST = 50
"""Problems that one check names at most."""
MOST_HINTS = 10
LONGEST_PATH = 200

Path: TypeAlias = tuple[str | int, ...]
Check: TypeAlias = Callable[[Json, Path, list[ParamProblem]], None]
_Schema: TypeAlias = Mapping[str, Any]

_TYPE_NAMES: Mapping[str, str] = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


class Shape:
    """One compiled schema."""

    __slots__ = ("_check",)

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self._check = _compile(schema)

    def problems(self, value: Json) -> list[ParamProblem]:
        """What is wrong with the value, at most MOST of it; empty when it fits."""
        out: list[ParamProblem] = []
        self._check(value, (), out)
        return out


def path_text(path: Path) -> str:
    """`messages[0].role`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("_", "a").replace("-", "a").isalnum():
            text += f".{step}" if text else step
        else:
            text += f"[{dump(step).decode()}]"
    return text if len(text) <= LONGEST_PATH else text[:LONGEST_PATH] + "…"


def type_name(value: Json) -> str:
    """`a string`, `an integer`, … for messages."""
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")


def same(left: Json, right: Json) -> bool:
    """Equality of JSON values: 1 equals 1.0, and neither equals true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


# ------------------------------------------------------------------ compiling


def _compile(schema: _Schema) -> Check:
    checks = [
        compiled
        for keyword, compile_keyword in _KEYWORDS.items()
        if keyword in schema
        for compiled in [compile_keyword(schema)]
    ]
    if not checks:
        return _anything
    if len(checks) == 1:
        return checks[0]
    first, *others = checks

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        before = len(out)
        first(value, path, out)
        if len(out) == before:
            for other in others:
                other(value, path, out)

    return check


def _anything(value: Json, path: Path, out: list[ParamProblem]) -> None:
    pass


def _type(schema: _Schema) -> Check:
    names = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    classes = frozenset(kind for name in names for kind in _CLASSES[name])
    whole_floats = "integer" in names and "number" not in names
    words = " or ".join(_TYPE_NAMES[name] for name in names if name != "null" or len(names) == 1)

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if type(value) in classes or (whole_floats and isinstance(value, float) and value.is_integer()):
            return
        out.append(ParamProblem(path_text(path), f"must be {words}, is {type_name(value)}"))

    return check


_CLASSES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _enum(schema: _Schema) -> Check:
    choices: list[Json] = schema["enum"]
    shown = [
        choice if isinstance(choice, str) else dump(choice).decode() for choice in choices if choice is not None
    ]
    listed = ", ".join(shown[:20]) + (", …" if len(shown) > 20 else "")

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if not any(same(value, choice) for choice in choices):
            out.append(ParamProblem(path_text(path), f"must be one of: {listed}"))

    return check


def _minimum(schema: _Schema) -> Check:
    bound = schema["minimum"]

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool) and value < bound:
            out.append(ParamProblem(path_text(path), f"must be at least {bound}"))

    return check


def _maximum(schema: _Schema) -> Check:
    bound = schema["maximum"]

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool) and value > bound:
            out.append(ParamProblem(path_text(path), f"must be at most {bound}"))

    return check


def _items(schema: _Schema) -> Check:
    entry = _compile(schema["items"])

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if isinstance(value, list) and entry is not _anything:
            for index, item in enumerate(value):
                entry(item, (*path, index), out)
                if len(out) >= MOST:
                    return

    return check


def _required(schema: _Schema) -> Check:
    names: list[str] = schema["required"]

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if isinstance(value, dict):
            missing = [name for name in names if name not in value]
            out.extend(ParamProblem(path_text((*path, name)), "is required") for name in missing)

    return check


def _properties(schema: _Schema) -> Check:
    checks = {name: _compile(below) for name, below in schema.get("properties", {}).items()}
    closed = schema.get("additionalProperties") is False

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if not isinstance(value, dict):
            return
        for name, item in value.items():
            below = checks.get(name)
            if below is not None:
                below(item, (*path, name), out)
            elif closed and len(out) < MOST:
                out.append(ParamProblem(path_text((*path, name)), _unknown(name, checks, len(out) < MOST_HINTS)))

    return check


def _unknown(name: str, known: Mapping[str, Check], with_hint: bool) -> str:
    guess = nearest(name, known) if with_hint else None
    if guess:
        return f"is not known; did you mean {guess}?"
    return f"is not known; known: {', '.join(list(known)[:30])}" if known else "is not known; there are no params"


_KEYWORDS: Mapping[str, Callable[[_Schema], Check]] = {
    "type": _type,
    "enum": _enum,
    "minimum": _minimum,
    "maximum": _maximum,
    "required": _required,
    "properties": _properties,
    "items": _items,
}
