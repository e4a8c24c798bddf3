"""Declared params become a JSON Schema."""

from collections.abc import Mapping, Sequence

from agentos_runtime.errors import ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.mistakes.fixes import number_fix
from agentos_runtime.manifest.mistakes.words import TRUE_WORDS
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.one_of import check_branches, typed
from agentos_runtime.manifest.shapes import Shape, nullable, type_name
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_DECIMAL = regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_KEPT = ("type", "description", "default", "enum", "minimum", "maximum")


@dataclass(frozen=True, slots=True)
class Params:
    """What a utility takes: the published schema, the same compiled, and the defaults."""

    schema: Mapping[str, Json]
    shape: Shape
    defaults: Mapping[str, Json]
    files: frozenset[str] = frozenset()
    """Those that are files, or lists of files."""


def read_params(utility: Cursor, report: Report) -> Params:
    """Turn `params` of a utility into a schema, checking that defaults fit their own declaration."""
    declared = utility.get("params")
    properties: dict[str, Json] = {}
    defaults: dict[str, Json] = {}
    required: list[Json] = []
    files: set[str] = set()
    for name, cursor in declared.items() if declared else ():
        properties[name] = declaration = _declaration(cursor, report, level=0)
        if is_file(declaration) or is_file(declaration.get("items")):
            files.add(name)
        default = cursor.get("default")
        if default is not None and default.json is not None:
            defaults[name] = default.json
        if cursor.flag("required"):
            required.append(name)
    schema: dict[str, Json] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if not utility.flag("additional_params"):
        schema["additionalProperties"] = False
    return Params(schema, Shape(schema), defaults, frozenset(files))


def _declaration(cursor: Cursor, report: Report, *, level: int = 2) -> dict[str, Json]:
    """`level`: 0 for a param, 1 for the items of one; files stand no deeper."""
    if cursor.text("type") == FILE:
        return _file(cursor, report, level < 2)
    schema = _plain_keywords(cursor)
    items = cursor.get("items")
    if items is not None:
        schema["items"] = _declaration(items, report, level=level + 1 if schema.get("type") == "array" else 2)
    properties = cursor.get("properties")
    if properties is not None:
        below = {name: _declaration(entry, report) for name, entry in properties.items()}
        required = [name for name, entry in properties.items() if entry.flag("required")]
        schema["properties"] = {n: s if n in required else nullable(s) for n, s in below.items()}
        if required:
            schema["required"] = [*required]
    several = cursor.get("one_of")
    if several is not None and isinstance(several.json, list):
        branches = [typed(_declaration(entry, report), schema) for entry in several.elements()]
        check_branches(several, branches, schema, report)
        schema["oneOf"] = [*branches]
    _check_declaration(cursor, schema, report)
    return schema


def is_file(schema: Json) -> bool:
    """Whether a published declaration is that of a file."""
    return isinstance(schema, dict) and schema.get("contentEncoding") == "base64"


_FILE_FORMS = "base64 text, a data: url, or {data, filename, content_type} with base64 in data"
_NOT_OF_FILES = ("default", "enum", "one_of", "items", "properties", "minimum", "maximum")


def _file(cursor: Cursor, report: Report, allowed: bool) -> dict[str, Json]:
    if not allowed:
        fix = "Declare the file as a param of its own"
        report.error(cursor.at("type").place, "a file is a param, or an entry of a param that is an array", fix)
    for key in _NOT_OF_FILES:
        below = cursor.get(key)
        if below is not None:
            report.error(below.key_place, f"`{key}` says nothing about a file", "Remove it", below.key_length)
    said = cursor.text("description")
    schema: dict[str, Json] = {
        "type": ["string", "object"],
        "description": f"{said.strip().rstrip('.')} (a file: {_FILE_FORMS})" if said else f"A file: {_FILE_FORMS}",
        "contentEncoding": "base64",
        "properties": {name: {"type": "string"} for name in ("data", "filename", "content_type")},
        "required": ["data"],
        "additionalProperties": False,
    }
    example = cursor.get("example")
    return schema if example is None else schema | {"examples": [example.json]}


def _plain_keywords(cursor: Cursor) -> dict[str, Json]:
    schema = {name: below.json for name, below in cursor.items() if name in _KEPT and sound(name, below.json)}
    example = cursor.get("example")
    if example is not None:
        schema["examples"] = [example.json]
    return schema


def sound(keyword: str, value: Json) -> bool:
    """Whether a keyword's value can be compiled; when not, the manifest's schema has already said so."""
    if keyword == "type":
        names = value if isinstance(value, list) else [value]
        return bool(names) and all(isinstance(name, str) and name in JSON_TYPES for name in names)
    if keyword == "enum":
        return isinstance(value, list) and bool(value)
    if keyword in ("minimum", "maximum"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return value is not None


JSON_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object"})
FILE = "file"
TYPES = JSON_TYPES | {FILE}
"""What a param's `type` may be."""


def _check_declaration(cursor: Cursor, schema: Mapping[str, Json], report: Report) -> None:
    without_enum = {name: value for name, value in schema.items() if name != "enum"}
    listed = cursor.get("enum")
    choices = [*listed.elements()] if listed else []
    other = _other_type(choices, schema.get("type"))
    if other is not None:
        message = f"these choices are {other}s, and the type is {schema['type']}"
        report.error(choices[0].place, message, _other_fix(choices, other, schema["type"]), choices[0].length)
    for choice in choices if other is None else ():
        _check_value(choice, Shape(without_enum), "this choice", report)
    shape = Shape(schema)
    default, example = cursor.get("default"), cursor.get("example")
    if default is not None and default.json is not None and _kind(default) != other:
        _check_value(default, shape if other is None else Shape(without_enum), "the default", report)
    if example is not None:
        for problem in shape.problems(example.json)[:1]:
            report.warning(example.place, f"the example {_where(problem)}{problem.message}", None, example.length)
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        report.error(cursor.at("minimum").place, f"`minimum` {low} is above `maximum` {high}", "Exchange the two")


def _other_type(choices: Sequence[Cursor], declared: Json) -> str | None:
    """The one type of several choices, where it is another than is declared."""
    kinds = {_kind(choice) for choice in choices}
    kinds = {"number"} if kinds == {"integer", "number"} else kinds
    if len(choices) < 2 or len(kinds) != 1 or not isinstance(declared, str):
        return None
    (kind,) = kinds
    fits = kind == declared or (kind, declared) == ("integer", "number")
    return kind if not fits and kind in ("string", "integer", "number", "boolean") else None


def _kind(cursor: Cursor) -> str:
    return type_name(cursor.json).split()[-1]


def _other_fix(choices: Sequence[Cursor], kind: str, declared: Json) -> str:
    if declared == "array":
        return f"Put them into `items`, when each entry is one of them: `items: {{type: {kind}, enum: […]}}`"
    if kind == "boolean":
        return "Write `type: boolean` without `enum`, or each in quotes"
    texts = [str(choice.source) for choice in choices]
    shown = ", ".join(texts if kind == "string" else [f'"{text}"' for text in texts])
    if kind == "string":
        numbers = all(map(_DECIMAL.fullmatch, texts))
        return f"Write `type: string`{f', or each without quotes: `[{shown}]`' if numbers else ''}"
    return f"Write `type: {kind}`, or each in quotes: `[{shown}]`"


def _check_value(cursor: Cursor, shape: Shape, what: str, report: Report) -> None:
    for problem in shape.problems(cursor.json):
        fix = "Change it, or the declaration"
        if isinstance(cursor.json, str):
            fix = number_fix(cursor) or fix
        word = (cursor.source or "").lower()
        if "must be a boolean" in problem.message and word in TRUE_WORDS:
            fix = f"Write `{TRUE_WORDS[word]}`"
        if "must be a string" in problem.message and cursor.source is not None:
            fix = f'Write it in quotes: "{cursor.source}"'
        if cursor.json is None:
            fix = "Remove it: null is always allowed, and unsets the param"
        report.error(cursor.place, f"{what} {_where(problem)}{problem.message}", fix, cursor.length)


def _where(problem: ParamProblem) -> str:
    return f"({problem.path}) " if problem.path else ""
