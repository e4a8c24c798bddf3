"""JSON Schemas of params and replies, compiled to functions.

Only the keywords that a manifest can write: type, enum, minimum, maximum, items, properties, required,
additionalProperties, oneOf. They mean what JSON Schema 2020-12 means by them; the compiled form answers in a few
microseconds, names every problem with its path, and never puts a value into a message.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import gt, lt
from typing import Any, TypeAlias

from agentos_runtime.errors import ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.requests.integers import Integers, integers_of, with_integers
from agentos_runtime.suggest import suggest

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
    """One schema, compiled when the first value is looked at."""

    __slots__ = ("_check", "_integers", "_schema")

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self._schema = schema
        self._check: Check = self._compile
        self._integers: Integers | None = None

    def __reduce__(self) -> tuple[type["Shape"], tuple[Mapping[str, Json]]]:
        return Shape, (self._schema,)

    def _compile(self, value: Json, path: Path, out: list[ParamProblem]) -> None:
        self._check = _compile(self._schema)
        self._check(value, path, out)

    def problems(self, value: Json) -> list[ParamProblem]:
        """What is wrong with the value, at most MOST of it; empty when it fits."""
        out: list[ParamProblem] = []
        self._check(value, (), out)
        return out

    def whole(self, value: dict[str, Json]) -> dict[str, Json]:
        """An object that fits, in which what is declared as an integer and was given as `5.0` is `5`."""
        if self._integers is None:
            self._integers = integers_of(self._schema)
        found = with_integers(value, self._integers)
        return found if isinstance(found, dict) else value


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


def nullable(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema with null allowed, also beside an enum."""
    out = dict(schema)
    kinds = out.get("type")
    if kinds is not None:
        listed: list[Json] = [*kinds] if isinstance(kinds, list) else [kinds]
        out["type"] = [*listed, "null"]
    choices = out.get("enum")
    if isinstance(choices, list) and None not in choices:
        out["enum"] = [*choices, None]
    branches = out.get("oneOf")
    if isinstance(branches, list):
        out["oneOf"] = [*branches, {"type": "null"}]
    return out


# ------------------------------------------------------------------ compiling


def _compile(schema: _Schema) -> Check:
    checks = {keyword: make(schema) for keyword, make in _KEYWORDS.items() if keyword in schema}
    if not checks:
        return _anything
    if len(checks) == 1:
        return next(iter(checks.values()))
    first, *others = checks.values()

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        before = len(out)
        first(value, path, out)
        if len(out) == before:
            for other in others:
                other(value, path, out)

    if schema.get("type") == "object" and checks.keys() - {"required"} == {"type", "properties"}:
        return _quick({dict}, frozenset(schema.get("required", ())), checks["properties"], check)
    if schema.get("type") == "array" and checks.keys() == {"type", "items"}:
        return _quick({list}, frozenset(), checks["items"], check)
    return check


def _quick(kinds: set[Any], required: frozenset[str], inside: Check, whole: Check) -> Check:
    """As `whole`: of what is of the type and has all that is required, only what is inside is left to look at."""

    def check(value: Any, path: Path, out: list[ParamProblem]) -> None:
        if value.__class__ in kinds and (not required or required <= value.keys()):
            inside(value, path, out)
        else:
            whole(value, path, out)

    return check


def _anything(value: Json, path: Path, out: list[ParamProblem]) -> None:
    pass


def _type_names(schema: _Schema) -> list[str]:
    return [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])


def _classes(schema: _Schema) -> frozenset[type]:
    return frozenset(kind for name in _type_names(schema) for kind in _CLASSES[name])


def _says_type_only(schema: _Schema) -> bool:
    """Whether nothing but the type of a value decides."""
    return [keyword for keyword in _KEYWORDS if keyword in schema] == ["type"]


def _type(schema: _Schema) -> Check:
    names = _type_names(schema)
    classes = _classes(schema)
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


def _bound(keyword: str, words: str, is_beyond: Callable[[float, float], bool]) -> Callable[[_Schema], Check]:
    def compiled(schema: _Schema) -> Check:
        bound = schema[keyword]

        def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
            if isinstance(value, (int, float)) and not isinstance(value, bool) and is_beyond(value, bound):
                out.append(ParamProblem(path_text(path), f"must be {words} {bound}"))

        return check

    return compiled


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
    declared = schema.get("properties", {})
    checks = {name: _compile(below) for name, below in declared.items()}
    right = {name: _classes(below) for name, below in declared.items() if _says_type_only(below)}
    closed = schema.get("additionalProperties") is False

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        if not isinstance(value, dict):
            return
        for name, item in value.items():
            if name in right and type(item) in right[name]:
                continue  # as most are
            below = checks.get(name)
            if below is not None:
                below(item, (*path, name), out)
            elif closed and len(out) < MOST:
                out.append(ParamProblem(path_text((*path, name)), _unknown(name, checks, len(out) < MOST_HINTS)))

    return check


def _one_of(schema: _Schema) -> Check:
    branches = [_Branch(branch, _compile(branch)) for branch in schema["oneOf"]]
    listed = ", or ".join(branch.label for branch in branches if branch.kinds != _NULL)
    only = _only_for(branches)

    def check(value: Json, path: Path, out: list[ParamProblem]) -> None:
        one = only.get(type(value))
        if one is not None and not one.problems(value, path):
            return  # as most do
        found = [(branch, branch.problems(value, path)) for branch in branches]
        fitting = [branch for branch, problems in found if not problems]
        if len(fitting) == 1:
            return
        if fitting:
            shapes = " and ".join(branch.label for branch in fitting)
            message = f"must have exactly one of its {len(branches)} shapes, and has {len(fitting)}: {shapes}"
            out.append(ParamProblem(path_text(path), message))
            return
        near = [(branch, problems) for branch, problems in found if branch.is_for(value)]
        if not near:
            out.append(ParamProblem(path_text(path), f"must be {listed}, is {type_name(value)}"))
            return
        nearest, problems = max(near, key=lambda pair: pair[0].likeness(value, len(pair[1])))
        where = f" {_NEAREST} {len(branches)} shapes: {nearest.label})"
        out.extend(p if _NEAREST in p.message else replace(p, message=p.message + where) for p in problems)

    return check


@dataclass(frozen=True, slots=True)
class _Branch:
    """One shape of several."""

    schema: _Schema
    check: Check

    def problems(self, value: Json, path: Path) -> list[ParamProblem]:
        out: list[ParamProblem] = []
        self.check(value, path, out)
        return out

    @property
    def kinds(self) -> frozenset[str]:
        return type_names(self.schema)

    @property
    def label(self) -> str:
        """What it is, in words: `a string`, `an object with type and text`."""
        words = " or ".join(_TYPE_NAMES[kind] for kind in _TYPE_NAMES if kind in self.kinds) or "another shape"
        needed = self.schema.get("required") or [*self.schema.get("properties", {})]
        return f"{words} with {', '.join(map(str, needed[:5]))}" if needed else words

    def is_for(self, value: Json) -> bool:
        """Whether the value is of its type; true also where it says none."""
        return not self.kinds or any(_is_of(value, kind) for kind in self.kinds)

    def likeness(self, value: Json, problems: int) -> tuple[int, int, int]:
        """More for a shape that was more probably meant: by the choices that fit, then by what is wrong, then by
        the names that it knows."""
        properties = self.schema.get("properties", {})
        if not isinstance(value, dict):
            return 0, -problems, 0
        known = [name for name in value if name in properties]
        chosen = [n for n in known if any(same(value[n], choice) for choice in properties[n].get("enum", ()))]
        return len(chosen), -problems, len(known)


def _only_for(branches: Sequence[_Branch]) -> Mapping[type, _Branch]:
    """The branch for values of a class, where all others are for others: they say so by `type`."""
    kinds = [_classes(each.schema) if "type" in each.schema else _ALL for each in branches]
    taken = [kind | {float} if int in kind else kind for kind in kinds]  # 1.0 is an integer, too
    found = {each: [at for at, kind in enumerate(taken) if each in kind] for each in _ALL}
    return {each: branches[at[0]] for each, at in found.items() if len(at) == 1}


def _is_of(value: Json, kind: str) -> bool:
    whole = kind == "integer" and isinstance(value, float) and value.is_integer()
    return whole or type(value) in _CLASSES[kind]


def type_names(schema: _Schema) -> frozenset[str]:
    """The types that a schema names, or those of its choices; none when it names none."""
    if "type" in schema:
        return frozenset([schema["type"]] if isinstance(schema["type"], str) else schema["type"])
    if "enum" in schema:
        return frozenset(_NAMES_OF[type(choice)] for choice in schema["enum"])
    return frozenset(kind for branch in schema.get("oneOf", ()) for kind in type_names(branch))


_NULL = frozenset({"null"})
_ALL = frozenset(kind for kinds in _CLASSES.values() for kind in kinds)
_NEAREST = "(the nearest of"
_NAMES_OF: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def _unknown(name: str, known: Mapping[str, Check], with_hint: bool) -> str:
    guess = suggest(name, known) if with_hint else None
    if guess:
        return f"is not known; did you mean {guess}?"
    return f"is not known; known: {', '.join(list(known)[:30])}" if known else "is not known; there are no params"


_KEYWORDS: Mapping[str, Callable[[_Schema], Check]] = {
    "type": _type,
    "enum": _enum,
    "minimum": _bound("minimum", "at least", lt),
    "maximum": _bound("maximum", "at most", gt),
    "required": _required,
    "properties": _properties,
    "items": _items,
    "oneOf": _one_of,
}
